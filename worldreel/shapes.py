"""Video and latent shapes: every calculation with sizes lives here.

The legend of letters, used everywhere: `T` frames (or latent frames), `H W` height and width, `C` channels,
`B` batch, `N` tokens in a pack, `D` width of a token, `S` segments. Media are `T H W C` uint8; video tensors
`B C T H W` in [-1, 1]; latents `B C T H W`; tokens `N D`.
"""

from typing import NamedTuple

from worldreel.errors import UserError


class VideoShape(NamedTuple):
    """Frames, height and width, in pixels (or in latent cells)."""

    frames: int
    height: int
    width: int

    @property
    def pixels(self) -> int:
        return self.frames * self.height * self.width


class Compression(NamedTuple):
    """How many frames and pixels one latent cell stands for. The first frame has a latent frame of its own."""

    time: int
    space: int

    def latent(self, video: VideoShape) -> VideoShape:
        """The latent shape of a video that the codec takes exactly (see `padded`)."""
        frames = 1 + (video.frames - 1) // self.time
        return VideoShape(frames, video.height // self.space, video.width // self.space)

    def video(self, latent: VideoShape) -> VideoShape:
        frames = 1 + (latent.frames - 1) * self.time
        return VideoShape(frames, latent.height * self.space, latent.width * self.space)

    def padded(self, video: VideoShape, multiple: int = 1) -> VideoShape:
        """The next larger video whose latent sides are whole multiples of `multiple` (the patch's side)."""
        side = self.space * multiple
        frames = 1 + ceil_to(video.frames - 1, self.time)
        return VideoShape(frames, ceil_to(video.height, side), ceil_to(video.width, side))


def ceil_to(value: int, multiple: int) -> int:
    """The smallest multiple of `multiple` that is not below `value`."""
    return -(-value // multiple) * multiple


def parse_size(text: str) -> tuple[int, int]:
    """Reads `WIDTHxHEIGHT` in pixels, as ffmpeg and the OpenAI API write it. Raises UserError."""
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isascii() and width.isdigit() and height.isascii() and height.isdigit()):
        raise UserError(f"--size {text!r} is not WIDTHxHEIGHT in pixels; write it as 128x128")
    if len(width) > 9 or len(height) > 9 or int(width) < 1 or int(height) < 1:
        raise UserError(f"--size {text!r}: each side must be a whole number of pixels from 1 up; write it as 128x128")
    return int(width), int(height)
