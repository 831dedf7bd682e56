"""A clip to a file, which appears whole or not at all. The name's ending chooses the format."""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from os import PathLike
from pathlib import Path
from tempfile import TemporaryFile

from worldreel.errors import UserError
from worldreel.files import whole_file
from worldreel.media.clip import Clip, Frame


@dataclass(frozen=True)
class _Format:
    most_side: int
    moving: bool = True
    even: bool = False
    most_fps: int = 1000


_JPEG = _Format(65_500, moving=False)
_FORMATS = {
    ".mp4": _Format(16_384, even=True),
    ".webm": _Format(65_535),
    ".gif": _Format(65_535, most_fps=50),  # it counts hundredths of a second, and browsers refuse to show for one
    ".webp": _Format(16_383),
    ".png": _Format(2**31 - 1, moving=False),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
}


class _SourceError(Exception):
    """Carries an OSError of the frames' own maker past the place where OSErrors mean a full disk."""


def check_target(
    path: str | PathLike[str],
    width: int,
    height: int,
    frame_count: int | None,
    overwrite: bool = False,
    fps: Fraction | float | None = None,
) -> Path:
    """Everything that can be known before a clip exists, so that no work is lost: call it first. Gives the path.

    `width`, `height`: pixels; `frame_count`, `fps`: None if unknown. Raises UserError for an unknown ending, a file that is there
    already, a folder that is missing or may not be written to, sides, a rate or a number of frames that the format does not take.
    """
    path = Path(path)
    target = _format(path)
    with _storing(path):
        _check_free(path, overwrite)
        if not path.parent.is_dir():
            raise UserError(f"{path}: there is no folder {path.parent}; make it first, or choose another")
        with TemporaryFile(dir=path.parent):  # the one honest question: permissions are only a part of the answer
            pass
    if target.even and (width % 2 or height % 2):
        below = f"{max(2, width // 2 * 2)}x{max(2, height // 2 * 2)}"
        above = f"{-(-width // 2) * 2}x{-(-height // 2) * 2}"
        sizes = above if below == above else f"{below} or {above}"
        raise UserError(f"{path}: {width}x{height} is odd and MP4 takes even sides; try {sizes}, or write .png or .webp")
    if max(width, height) > target.most_side:
        raise UserError(f"{path}: {width}x{height} is too large for {path.suffix}: {target.most_side} pixels a side at most")
    if frame_count == 0:
        raise UserError(f"{path}: there is no frame to write; give one at least")
    if frame_count is not None and frame_count > 1 and not target.moving:
        raise UserError(_one_image(path, frame_count))
    if fps is not None and fps > target.most_fps:
        raise UserError(f"{path}: {path.suffix} shows {target.most_fps} frames a second at most, not {fps}; write .mp4")
    return path


def write(clip: Clip, path: str | PathLike[str], metadata: Mapping[str, str] | None = None, overwrite: bool = False) -> Path:
    """Writes a clip, holding a few frames at a time, and gives the path.

    Endings: .mp4 (H.264), .webm (VP9), .gif, .webp (lossless, moving or still), and .png, .jpg for one frame. The same frames
    and metadata give the same bytes. `metadata` (the clip's own unless given) is stored in all of them. Raises UserError as
    `check_target` does, and for a full disk; whatever stops it, Ctrl-C too, nothing half-written stays and an old file
    is as it was.
    """
    from av import FFmpegError  # here, since machines that only train need no PyAV

    from worldreel.media.encode import ENCODERS

    path = check_target(path, clip.width, clip.height, clip.frame_count, overwrite, clip.fps)
    target, encode = _format(path), ENCODERS[path.suffix.lower()]
    notes = dict(clip.metadata if metadata is None else metadata)
    try:
        with _storing(path), whole_file(path.absolute()) as temporary:  # absolute: ffmpeg takes `a:b.mp4` for a protocol
            frames = _checked(clip, path, target)
            encode(temporary, frames, (clip.width, clip.height), clip.fps, notes)
            next(frames, None)  # an image's encoder takes one frame; this sees whether there are more
            _check_free(path, overwrite)  # again: somebody may have come first
    except _SourceError as carrier:
        raise carrier.args[0] from None
    except FFmpegError as error:
        raise UserError(f"{path} cannot be encoded ({error.strerror}); try another size or format") from error
    return path


def _format(path: Path) -> _Format:
    found = _FORMATS.get(path.suffix.lower())
    if found is None:
        raise UserError(f"{path}: {path.suffix or 'no ending'} is not a format; end the name in {', '.join(_FORMATS)}")
    return found


def _check_free(path: Path, overwrite: bool) -> None:
    if path.is_dir():
        raise UserError(f"{path} is a folder; give the name of a file")
    if not overwrite and (path.exists() or path.is_symlink()):
        raise UserError(f"{path} exists already; give another name, or --overwrite")


def _checked(clip: Clip, path: Path, target: _Format) -> Iterator[Frame]:
    """The clip's frames, each of the clip's size, at least one, and one only where the format holds no more."""
    count, shape = 0, (clip.height, clip.width, 3)
    try:
        for count, frame in enumerate(clip, 1):
            if frame.dtype.name != "uint8" or frame.shape != shape:
                raise ValueError(f"frame {count - 1} is {frame.dtype} {list(frame.shape)}, not uint8 {list(shape)}")
            if count > 1 and not target.moving:
                raise UserError(_one_image(path, clip.frame_count))
            yield frame
            del frame  # ours would keep it alive while the next one is made
    except OSError as error:
        raise _SourceError(error) from error
    if count == 0:
        raise UserError(f"{path}: there is no frame to write; give one at least")
    if clip.frame_count not in (None, count):
        raise ValueError(f"the clip promised {clip.frame_count} frames and gave {count}")


def _one_image(path: Path, count: int | None) -> str:
    return f"{path}: {path.suffix} holds one image, not {count or 'many'} frames; write .mp4, .webm, .gif or .webp"


@contextmanager
def _storing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # ffmpeg's are of this kind too
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "the disk is full; free some space" if full else f"{os.strerror(error.errno or 0).lower()}; change that"
        raise UserError(f"{path} cannot be written: {what}, or choose another folder") from error
