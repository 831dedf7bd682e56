"""GIF and WebP, moving or still, to a clip. Our own walk over the file's blocks tells its size, frames and times before
anything is decoded; Pillow then decodes. The file is a stranger's."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from PIL import ImageOps
from PIL.GifImagePlugin import GifImageFile
from PIL.WebPImagePlugin import WebPImageFile

from worldreel.errors import UserError
from worldreel.media import notes
from worldreel.media.clip import Clip, Frame
from worldreel.media.limits import Limits, readable
from worldreel.media.stills import NOTE, rgb
from worldreel.media.timing import constant_rate, held


@dataclass
class _Contents:
    """What a walk over the blocks found: milliseconds for each frame, and the comment."""

    width: int
    height: int
    milliseconds: list[int] = field(default_factory=list)
    comment: str = ""


def read_gif(path: Path, limits: Limits) -> Clip:
    with readable(path), path.open("rb") as file:
        contents = _walk_gif(path, file, limits)
    return _clip(path, contents, GifImageFile, tick=Fraction(1, 100))


def read_webp(path: Path, limits: Limits) -> Clip:
    """A still one counts as an image and takes the limits of one."""
    with readable(path), path.open("rb") as file:
        contents = _walk_webp(path, file, limits)
        if not contents.milliseconds:
            limits.check_bytes(path, path.stat().st_size, moving=False)
            file.seek(0)
            image = WebPImageFile(file)
            metadata = notes.unpack(image.getexif().get(NOTE)) or {}
            return Clip.from_array(rgb(ImageOps.exif_transpose(image))[None], 1, metadata)
        file.seek(0)
        contents.comment = str(WebPImageFile(file).getexif().get(NOTE, ""))
    return _clip(path, contents, WebPImageFile, tick=Fraction(1, 1000))


def _clip(path: Path, contents: _Contents, opener: type[GifImageFile] | type[WebPImageFile], tick: Fraction) -> Clip:
    count, size = len(contents.milliseconds), (contents.width, contents.height)
    metadata, meant = notes.unpack_with_rate(contents.comment)
    fps = constant_rate(count, int(sum(contents.milliseconds) / (1000 * tick)), tick, meant)

    def timed() -> Iterator[tuple[Fraction, Frame]]:
        elapsed = 0
        with readable(path), path.open("rb") as file:
            image = opener(file)
            for index, stay in enumerate(contents.milliseconds):
                image.seek(index)
                image.load()
                yield Fraction(elapsed, 1000), rgb(image)
                elapsed += stay

    next(timed())  # a file that cannot be decoded says so now
    return Clip.from_frames(lambda: held(timed(), fps, count), *size, fps, count, metadata)


def _walk_gif(path: Path, file: BinaryIO, limits: Limits) -> _Contents:
    """Header, palette, then blocks: 0x21 an extension (0xF9: delay, 0xFE: comment), 0x2C an image, 0x3B the end."""
    header = file.read(13)
    contents = _Contents(int.from_bytes(header[6:8], "little"), int.from_bytes(header[8:10], "little"))
    limits.check_size(path, contents.width, contents.height)
    _skip_palette(file, header[10])
    delay, total = 10, 0
    while (block := file.read(1)) != b";":
        if block == b"!":
            label, data = file.read(1), _sub_blocks(file)
            if label == b"\xf9":
                hundredths = int.from_bytes(data[1:3], "little")
                delay = hundredths if hundredths > 1 else 10  # as every browser does
            elif label == b"\xfe":
                contents.comment = data.decode("utf-8", "replace")
        elif block == b",":
            _check_inside(path, contents, descriptor := file.read(9))
            _skip_palette(file, descriptor[8])
            file.seek(1, 1)
            _sub_blocks(file)
            contents.milliseconds.append(10 * delay)
            total += 10 * delay
            limits.check_length(path, len(contents.milliseconds), total / 1000)
            delay = 10
        else:
            raise UserError(f"{path} is cut short or damaged after frame {len(contents.milliseconds)}; export or copy it again")
    if not contents.milliseconds:
        raise UserError(f"{path} holds no frames; export or copy it again")
    return contents


def _check_inside(path: Path, contents: _Contents, descriptor: bytes) -> None:
    """A frame may lie anywhere; Pillow would grow the picture to hold it."""
    left, top, width, height = (int.from_bytes(descriptor[at : at + 2], "little") for at in (0, 2, 4, 6))
    if left + width > contents.width or top + height > contents.height:
        index, size = len(contents.milliseconds), f"{contents.width}x{contents.height}"
        raise UserError(f"{path} declares {size}, but its frame {index} is larger; export it again")


def _skip_palette(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        file.seek(3 << (1 + (flags & 7)), 1)


def _sub_blocks(file: BinaryIO) -> bytes:
    """The data of a GIF block: pieces of up to 255 bytes, each after its length, until a length of 0."""
    pieces = []
    while length := file.read(1)[0]:
        pieces.append(file.read(length))
    return b"".join(pieces)


def _walk_webp(path: Path, file: BinaryIO, limits: Limits) -> _Contents:
    """RIFF chunks: VP8X declares the canvas, each ANMF is a frame; a simple file has one VP8 or VP8L chunk only."""
    file.seek(12)
    contents, total = _Contents(0, 0), 0
    while len(header := file.read(8)) == 8:
        name, length, start = header[:4], int.from_bytes(header[4:], "little"), file.tell()
        data = file.read(min(length, 16))
        if name == b"VP8X":
            contents = _Contents(1 + int.from_bytes(data[4:7], "little"), 1 + int.from_bytes(data[7:10], "little"))
        elif name == b"VP8L" and not contents.width:
            bits = int.from_bytes(data[1:5], "little")
            contents = _Contents(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
        elif name == b"VP8 " and not contents.width:
            sides = int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
            contents = _Contents(sides[0] & 0x3FFF, sides[1] & 0x3FFF)
        elif name == b"ANMF":
            stay = int.from_bytes(data[12:15], "little")
            contents.milliseconds.append(stay or 100)
            total += contents.milliseconds[-1]
            limits.check_length(path, len(contents.milliseconds), total / 1000)
        file.seek(start + length + length % 2)
    limits.check_size(path, contents.width, contents.height)
    return contents
