"""Videos and images: a lazy source of frames with a rate, read from untrusted files and written whole or not at all."""

from worldreel.media.clip import Clip
from worldreel.media.limits import Limits
from worldreel.media.read import read
from worldreel.media.write import check_target, write

__all__ = ["Clip", "Limits", "check_target", "read", "write"]
