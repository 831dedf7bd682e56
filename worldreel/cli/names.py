"""Names for files that nobody named: new ones, in the current folder."""

import re
from itertools import count
from pathlib import Path


def slug(text: str, longest: int = 40) -> str:
    """A text as part of a file's name: its letters and digits, in any script."""
    words = re.sub(r"[\W_]+", "-", text.lower())
    return words[:longest].strip("-") or "untitled"


def ending(width: int, height: int, frames: int) -> str:
    """A format that holds such a clip exactly as it is: MP4, which plays everywhere, takes even sides only."""
    if frames == 1:
        return ".png"
    return ".webp" if width % 2 or height % 2 else ".mp4"


def new_path(stem: str, suffix: str, folder: Path = Path()) -> Path:
    """A path that does not exist yet: the stem, numbered from 2 where it is taken."""
    numbered = (folder / f"{stem}{'' if number == 1 else f'-{number}'}{suffix}" for number in count(1))
    return next(path for path in numbered if not (path.exists() or path.is_symlink()))
