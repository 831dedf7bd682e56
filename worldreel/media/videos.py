"""MP4, MOV, WebM, MKV and AVI to frames, through PyAV (ffmpeg). The file is a stranger's."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from worldreel.errors import UserError
from worldreel.media import notes
from worldreel.media.clip import Clip, Frame
from worldreel.media.limits import Limits, readable
from worldreel.media.sniff import Kind
from worldreel.media.timing import constant_rate, held

_FORMATS: dict[Kind, str] = {"mp4": "mov", "webm": "matroska", "avi": "avi"}
_OURS = {"major_brand", "minor_version", "compatible_brands", "encoder"}  # what muxers write of themselves
_UNSPECIFIED = 2  # ffmpeg's AVCOL_SPC_UNSPECIFIED
_QUALITY = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.BITEXACT


def read_video(path: Path, kind: Kind, limits: Limits) -> Clip:
    """Counts the frames and their times without decoding, checks them, then decodes one frame to see that it can be."""
    with readable(path), _opened(path, kind, limits) as (container, stream):
        width, height = stream.codec_context.width, stream.codec_context.height
        limits.check_size(path, width, height)
        times, last = _times(path, container, stream, limits)
        tick = stream.time_base or Fraction(1, 1000)
        ticks = times[-1] + last - times[0]
        limits.check_length(path, len(times), float(ticks * tick))
        fps = constant_rate(len(times), ticks, tick, stream.average_rate)
        metadata = _metadata(container)

    def timed() -> Iterator[tuple[Fraction, Frame]]:
        reformatter = VideoReformatter()
        with readable(path), _opened(path, kind, limits) as (container, stream):
            for index, frame in enumerate(_decoded(path, container, stream)):
                time = times[min(index, len(times) - 1)] if frame.pts is None else frame.pts
                yield (time - times[0]) * tick, _rgb(frame, reformatter)

    first = next(timed(), None)
    if first is None:
        raise UserError(f"{path} holds no frame that can be decoded; export or copy it again")
    height, width = first[1].shape[:2]
    return Clip.from_frames(lambda: held(timed(), fps, len(times)), width, height, fps, len(times), metadata)


@contextmanager
def _opened(path: Path, kind: Kind, limits: Limits) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The file with its first moving picture. One parser may touch it, and nothing but this file can be opened by it."""
    options = {"max_pixels": str(2 * limits.pixels + 2**16)}  # codecs round sides up to whole blocks; `check_size` is exact
    with (
        path.open("rb") as file,
        av.open(file, "r", format=_FORMATS[kind], options=options, metadata_errors="replace", io_open=_refuse) as container,
    ):
        moving = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
        if not moving:
            what = "has sound but no video" if container.streams.audio else "has no video in it"
            raise UserError(f"{path} {what}; give a file that shows something")
        stream = moving[0]
        if stream.codec_context is None:
            raise UserError(f"{path} holds a video of a kind that cannot be decoded here; export it as H.264 in MP4")
        stream.thread_type = "AUTO"
        stream.codec_context.options = options
        yield container, stream


def _refuse(url: str, flags: int, options: dict[str, str]) -> Any:
    raise PermissionError(1, "a media file may not open another", url)


def _times(path: Path, container: InputContainer, stream: VideoStream, limits: Limits) -> tuple[list[int], int]:
    """When each frame is shown, sorted, in ticks of the stream, and how long the last one stays."""
    shown: list[tuple[int, int]] = []
    for packet in container.demux(stream):
        time = packet.dts if packet.pts is None else packet.pts
        if time is None or packet.is_discard or packet.size == 0:
            continue
        if packet.is_corrupt:
            raise UserError(f"{path} is cut short or damaged at frame {len(shown)}; export or copy it again")
        shown.append((time, packet.duration or 0))
        limits.check_length(path, len(shown), 0.0)
    if not shown:
        raise UserError(f"{path} holds no frames; export or copy it again")
    times, stays = zip(*sorted(shown), strict=True)
    steps = [after - before for before, after in pairwise(times)] or [0]
    even = max(steps) - min(steps) <= 1  # then the last frame is like the others, whatever the file says: many say it wrongly
    return list(times), sum(steps) // len(steps) if even or not stays[-1] else stays[-1]


def _decoded(path: Path, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    width, height = stream.codec_context.width, stream.codec_context.height
    for index, frame in enumerate(container.decode(stream)):
        if (frame.width, frame.height) != (width, height):
            size = f"{frame.width}x{frame.height}"
            raise UserError(f"{path} declares {width}x{height}, but its frame {index} is {size}; export it again at one size")
        if frame.is_corrupt:
            raise UserError(f"{path} is damaged at frame {index}; export or copy it again")
        yield frame


def _rgb(frame: VideoFrame, reformatter: VideoReformatter) -> Frame:
    """uint8 [H, W, 3], upright, over white where transparent. Untagged colours are BT.709 from 720 lines up, else BT.601."""
    transparent = any(component.is_alpha for component in frame.format.components)
    untagged = frame.colorspace == _UNSPECIFIED and not frame.format.is_rgb
    guess = Colorspace.ITU709 if min(frame.width, frame.height) >= 720 else Colorspace.ITU601
    converted = reformatter.reformat(
        frame,
        format="rgba" if transparent else "rgb24",
        src_colorspace=guess if untagged else None,
        interpolation=int(_QUALITY),
        threads=1,
    )
    array = np.asarray(converted.to_ndarray(), dtype=np.uint8)
    return _upright(over_white(array) if transparent else array, frame)


def over_white(rgba: Frame) -> Frame:
    """[H, W, 4] to [H, W, 3]: what a page would show through the transparent parts."""
    alpha = rgba[..., 3:].astype(np.uint16)
    return ((rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _upright(array: Frame, frame: VideoFrame) -> Frame:
    """Turned and mirrored by the display matrix, which phones write: it sends (x, y) to (ax + cy, bx + dy)."""
    if "DISPLAYMATRIX" not in frame.side_data:
        return np.ascontiguousarray(array)
    a, b, _, c, d = np.frombuffer(bytes(frame.side_data["DISPLAYMATRIX"]), "<i4")[:5].tolist()  # type: ignore[typeddict-item]
    if abs(b) > abs(a):  # x becomes y
        array, a, d = array.swapaxes(0, 1), c, b
    return np.ascontiguousarray(array[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def _metadata(container: InputContainer) -> dict[str, str]:
    tags = {key.lower(): value for key, value in container.metadata.items() if key.lower() not in _OURS}
    own = notes.unpack(tags.get("comment"))
    return tags if own is None else own
