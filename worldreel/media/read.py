"""Any file to a clip, without trusting it."""

import stat
from os import PathLike
from pathlib import Path

from worldreel.errors import UserError
from worldreel.media.animations import read_gif, read_webp
from worldreel.media.clip import Clip
from worldreel.media.limits import Limits, readable
from worldreel.media.sniff import check_whole, sniff
from worldreel.media.stills import read_still


def read(path: str | PathLike[str], limits: Limits | None = None) -> Clip:
    """A clip of an MP4, MOV, WebM, MKV, AVI, GIF, WebP, PNG or JPEG file; frames are decoded as they are asked for.

    Its frames come at a constant rate (see `timing`), upright, and over white where they are transparent. Raises UserError,
    one line with the file's name, if it is missing, of another kind, damaged, cut short or above `limits`; what only
    decoding can find is raised while the clip is iterated.
    """
    path, limits = Path(path), limits or Limits()
    with readable(path):
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "not a file on disk"
            raise UserError(f"{path} is {what}; give one video or image file")
        with path.open("rb") as file:
            kind = sniff(path, file.read(64))
            limits.check_bytes(path, status.st_size, moving=kind not in ("png", "jpeg"))
            check_whole(path, kind, file, status.st_size)
    if kind == "png" or kind == "jpeg":
        return read_still(path, kind, limits)
    if kind == "gif":
        return read_gif(path, limits)
    if kind == "webp":
        return read_webp(path, limits)
    from worldreel.media.videos import read_video  # here, since machines that only train need no PyAV

    return read_video(path, kind, limits)
