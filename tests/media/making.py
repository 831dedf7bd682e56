"""Frames and files that the tests of this room share."""

from fractions import Fraction

import av
import numpy as np


def moving(count, height=48, width=64):
    """[T, H, W, 3]: smooth waves that move, so that codecs keep them and no two frames are equal."""
    rows, columns = np.mgrid[:height, :width].astype(float)
    waves = [
        np.stack([127 + 110 * np.sin((columns + 3 * k) / 15), 127 + 110 * np.cos((rows + k) / 18), 60 + 2.0 * k + 0 * rows], -1)
        for k in range(count)
    ]
    return np.reshape(waves, (count, height, width, 3)).clip(0, 255).round().astype(np.uint8)


def psnr(a, b):
    error = np.mean((a.astype(float) - b.astype(float)) ** 2)
    return 99.0 if error == 0 else 10 * np.log10(255**2 / error)


def quadrants(height=48, width=64):
    """One frame: red, green / blue, white. Tells turns and mirrors apart."""
    frame = np.full((height, width, 3), 255, np.uint8)
    frame[: height // 2, : width // 2] = 255, 0, 0
    frame[: height // 2, width // 2 :] = 0, 255, 0
    frame[height // 2 :, : width // 2] = 0, 0, 255
    return frame


def mux(path, frames, format="matroska", codec="mjpeg", pixels="yuvj420p", times=None, tick=Fraction(1, 1000)):
    """Frames as a stranger's software would write them: any codec, any times (in ticks), sizes that may change."""
    with av.open(str(path), "w", format=format) as container:
        stream = container.add_stream(codec, rate=24)  # whatever the times say: strangers' files lie like this
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.time_base = tick
        for index, array in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(array, format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = index * 40 if times is None else times[index], tick
            context = stream.codec_context
            if array.shape != frames[0].shape:
                context = av.CodecContext.create(codec, "w")
                context.height, context.width = array.shape[:2]
                context.pix_fmt, context.time_base = pixels, tick
            for packet in context.encode(frame):
                packet.stream = stream
                container.mux(packet)
        container.mux(stream.encode(None))
    return path
