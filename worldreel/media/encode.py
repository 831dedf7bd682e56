"""Frames to the bytes of a file, one frame at a time. The same frames and metadata give the same bytes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, cast

import av
import numpy as np
from av.container import OutputContainer
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from worldreel.errors import UserError
from worldreel.media import notes
from worldreel.media.clip import Frame
from worldreel.media.stills import NOTE
from worldreel.media.timing import milliseconds

_THREADS = 4  # not the machine's own number: x264's bytes depend on it
_QUALITY = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP | Interpolation.BITEXACT
_BT709 = 1  # the same number in ffmpeg's enumerations of colour spaces, primaries and transfer curves
_MOST_NOTE = 65_000  # JPEG holds EXIF in one segment of 64 KiB
_MOST_RIFF = 2**32 - 2


def mp4(path: Path, frames: Iterator[Frame], size: tuple[int, int], fps: Fraction, metadata: Mapping[str, str]) -> None:
    """H.264, yuv420p, BT.709, the index in front so that it plays while it loads."""
    container = {"movflags": "use_metadata_tags+faststart", "fflags": "+bitexact"}
    _yuv(path, "mp4", "libx264", {"crf": "16", **_without_avx512()}, container, frames, size, fps, metadata)


@cache
def _without_avx512() -> dict[str, str]:
    """With AVX-512, x264 (core 165) reads memory that nobody wrote where it traces what refers to what (mbtree; we think behind a
    row's end), so that the same frames do not always give the same bytes; with its AVX2 code they do. It takes the name for the
    truth: only for processors that have both."""
    simd: Any = np.show_config(mode="dicts")
    found = simd["SIMD Extensions"]
    has = any(name.startswith("AVX512") or name == "X86_V4" for name in [*found.get("baseline", []), *found.get("found", [])])
    return {"x264-params": "asm=AVX2"} if has else {}


def webm(path: Path, frames: Iterator[Frame], size: tuple[int, int], fps: Fraction, metadata: Mapping[str, str]) -> None:
    """VP9, yuv420p, BT.709."""
    options = {"crf": "20", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}
    _yuv(path, "webm", "libvpx-vp9", options, {"fflags": "+bitexact"}, frames, size, fps, metadata)


def _yuv(
    path: Path,
    format: str,
    codec: str,
    options: dict[str, str],
    container_options: dict[str, str],
    frames: Iterator[Frame],
    size: tuple[int, int],
    fps: Fraction,
    metadata: Mapping[str, str],
) -> None:
    with _muxer(path, format, codec, size, fps, "yuv420p", options, container_options) as (container, stream):
        container.metadata.update(metadata)
        container.metadata["comment"] = notes.pack(metadata)
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = ColorRange.MPEG
        reformatter = VideoReformatter()
        for frame in _numbered(frames, fps):
            converted = reformatter.reformat(
                frame,
                format="yuv420p",
                dst_colorspace=Colorspace.ITU709,
                dst_color_range=ColorRange.MPEG,
                interpolation=int(_QUALITY),
                threads=1,
            )
            converted.color_primaries, converted.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
            container.mux(stream.encode(converted))


@contextmanager
def _muxer(
    path: Path,
    format: str,
    codec: str,
    size: tuple[int, int],
    fps: Fraction,
    pixels: str,
    options: dict[str, str],
    container_options: dict[str, str],
) -> Iterator[tuple[OutputContainer, VideoStream]]:
    """A file being written. On success the encoder's last frames are fetched; on failure what is there is left to the caller."""
    with av.open(str(path), "w", format=format, container_options=container_options) as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        stream.codec_context.time_base = 1 / fps
        stream.codec_context.thread_count = _THREADS
        yield container, stream
        container.mux(stream.encode(None))


def _numbered(frames: Iterator[Frame], fps: Fraction) -> Iterator[VideoFrame]:
    for index, array in enumerate(frames):
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(array), format="rgb24")
        frame.pts, frame.time_base = index, 1 / fps
        yield frame


def gif(path: Path, frames: Iterator[Frame], size: tuple[int, int], fps: Fraction, metadata: Mapping[str, str]) -> None:
    """A palette of its own for each frame: one for the whole clip would need it all in memory. Ordered dither does not crawl."""
    graph = Graph()
    source = graph.add_buffer(width=size[0], height=size[1], format=av.VideoFormat("rgb24", *size), time_base=1 / fps)
    split, palette = graph.add("split"), graph.add("palettegen", "stats_mode=single")
    use, sink = graph.add("paletteuse", "new=1:dither=bayer:bayer_scale=4"), graph.add("buffersink")
    source.link_to(split)
    split.link_to(palette, 0, 0)
    split.link_to(use, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure(auto_buffer=False)
    with _muxer(path, "gif", "gif", size, fps, "pal8", {}, {"fflags": "+bitexact"}) as (container, stream):
        for frame in _numbered(frames, fps):
            source.push(frame)
            container.mux(stream.encode(cast(VideoFrame, sink.pull())))
    _append_comment(path, notes.pack(metadata, fps).encode("ascii"))


def _append_comment(path: Path, text: bytes) -> None:
    """A comment block before the GIF's last byte, in pieces of up to 255 bytes; ffmpeg writes none."""
    with path.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"!\xfe")
        for start in range(0, len(text), 255):
            piece = text[start : start + 255]
            file.write(bytes([len(piece)]) + piece)
        file.write(b"\0;")


def webp(path: Path, frames: Iterator[Frame], size: tuple[int, int], fps: Fraction, metadata: Mapping[str, str]) -> None:
    """Lossless. Each frame is a picture of its own: WebP encoders hold the whole clip and merge frames that are equal."""
    first = next(frames)
    second = next(frames, None)
    if second is None:
        path.write_bytes(_image(first, "WEBP", lossless=True, exif=_exif(notes.pack(metadata))))
        return
    exif = _exif(notes.pack(metadata, fps)).removeprefix(b"Exif\0\0")
    with path.open("wb") as file:
        file.write(b"RIFF\0\0\0\0WEBP")
        _chunk(file, b"VP8X", bytes([0x02 | 0x08, 0, 0, 0]) + _less_one(size))  # it moves, it has EXIF
        _chunk(file, b"ANIM", bytes([255, 255, 255, 255, 0, 0]))  # white below, played for ever
        for frame, stay in zip(chain((first, second), frames), milliseconds(fps), strict=False):
            place = bytes(6) + _less_one(size) + stay.to_bytes(3, "little") + b"\x02"  # at (0, 0), drawn over without blending
            _chunk(file, b"ANMF", place + _image(frame, "WEBP", lossless=True)[12:])  # without the head of a file
            if file.tell() + len(exif) > _MOST_RIFF - 2**26:
                raise UserError("WebP holds at most 4 GiB; write an .mp4 or a .webm, or a shorter clip")
        _chunk(file, b"EXIF", exif)
        length = file.tell() - 8
        file.seek(4)
        file.write(length.to_bytes(4, "little"))


def _chunk(file: BinaryIO, name: bytes, data: bytes) -> None:
    file.write(name + len(data).to_bytes(4, "little") + data + bytes(len(data) % 2))


def _less_one(size: tuple[int, int]) -> bytes:
    return b"".join((side - 1).to_bytes(3, "little") for side in size)


def _image(frame: Frame, format: str, **options: object) -> bytes:
    """In memory first: Pillow does not notice when a JPEG meets the end of the disk."""
    buffer = BytesIO()
    Image.fromarray(frame).save(buffer, format, **options)
    return buffer.getvalue()


def png(path: Path, frames: Iterator[Frame], size: tuple[int, int], fps: Fraction, metadata: Mapping[str, str]) -> None:
    text = PngInfo()
    text.add_text("Comment", notes.pack(metadata))
    path.write_bytes(_image(next(frames), "PNG", pnginfo=text))


def jpeg(path: Path, frames: Iterator[Frame], size: tuple[int, int], fps: Fraction, metadata: Mapping[str, str]) -> None:
    exif = _exif(notes.pack(metadata))
    if len(exif) > _MOST_NOTE:
        raise UserError(f"a JPEG holds 64 KB of metadata, and this is {len(exif)} bytes; write a .png or a .webp")
    path.write_bytes(_image(next(frames), "JPEG", quality=95, subsampling=0, exif=exif))


def _exif(note: str) -> bytes:
    exif = Image.Exif()
    exif[NOTE] = note
    return exif.tobytes()


Encoder = Callable[[Path, Iterator[Frame], tuple[int, int], Fraction, Mapping[str, str]], None]

ENCODERS: dict[str, Encoder] = {
    ".mp4": mp4,
    ".webm": webm,
    ".gif": gif,
    ".webp": webp,
    ".png": png,
    ".jpg": jpeg,
    ".jpeg": jpeg,
}
"""By a name's ending."""
