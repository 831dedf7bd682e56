"""What a file may ask of this machine before we refuse it, and how every refusal is worded."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from worldreel.errors import UserError


@dataclass(frozen=True)
class Limits:
    """The largest files that `read` takes. Declared values are checked before anything is decoded.

    `image_bytes`, `video_bytes`: size of the file; `pixels`: width times height of a frame, in either orientation;
    `seconds` and `frames`: length of a video.
    """

    image_bytes: int = 20_000_000
    video_bytes: int = 200_000_000
    pixels: int = 4096 * 2304
    seconds: float = 120.0
    frames: int = 7200

    def check_bytes(self, path: Path, size: int, moving: bool) -> None:
        most = self.video_bytes if moving else self.image_bytes
        if size > most:
            kind = "a video" if moving else "an image"
            raise UserError(f"{path} is {size / 1e6:.1f} MB, above the {most / 1e6:g} MB of {kind}; give a smaller file")

    def check_size(self, path: Path, width: int, height: int) -> None:
        if width < 1 or height < 1:
            raise UserError(f"{path} has frames of no known size, or of one far above {self.pixels} pixels; export it smaller")
        if width * height > self.pixels:
            raise UserError(f"{path} is {width}x{height}, above {self.pixels} pixels a frame; give a smaller one")

    def check_length(self, path: Path, frames: int, seconds: float) -> None:
        if frames > self.frames:
            raise UserError(f"{path} has more than {self.frames} frames; give a shorter one")
        if seconds > self.seconds:
            raise UserError(f"{path} is {seconds:.1f} s long, above {self.seconds:g} s; give a shorter one")


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns whatever a parser of untrusted bytes raises into one UserError that names the file."""
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        # The operating system's own errors (no permission, a bad disk) say what is wrong; a decoder's rarely do.
        if error.errno is not None and 0 < error.errno < 1000 and error.strerror:
            raise UserError(f"{path} cannot be read: {os.strerror(error.errno).lower()}; give a file that can") from error
        raise _damaged(path, error) from error
    except Exception as error:  # decoders of untrusted bytes raise nearly anything: SyntaxError, IndexError, struct.error, ...
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> UserError:
    reason = " ".join(str(getattr(error, "strerror", None) or error).split()).rstrip(".") or type(error).__name__
    return UserError(f"{path} cannot be decoded ({reason}); it is damaged or cut short, so export or copy it again")
