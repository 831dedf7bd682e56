import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from tests.media.making import moving, mux, psnr, quadrants
from worldreel.media import Clip, Limits, read
from worldreel.media.timing import constant_rate, held, milliseconds


@pytest.mark.parametrize(
    ("format", "codec", "pixels", "ending"),
    [
        ("avi", "mjpeg", "yuvj420p", "avi"),
        ("avi", "mpeg4", "yuv420p", "avi"),
        ("mov", "mpeg4", "yuv420p", "mov"),
        ("mov", "prores_ks", "yuv422p10le", "mov"),
        ("matroska", "ffv1", "yuv444p", "mkv"),
        ("webm", "libvpx", "yuv420p", "webm"),
        ("mp4", "libx265", "yuv420p", "mp4"),
        ("mov", "png", "rgb24", "mov"),
    ],
)
def test_what_other_software_writes(tmp_path, format, codec, pixels, ending):
    frames = moving(8)
    tick = Fraction(1, 25)
    clip = read(mux(tmp_path / f"clip.{ending}", list(frames), format, codec, pixels, range(8), tick))
    assert (clip.frame_count, clip.width, clip.height) == (8, 64, 48)
    assert clip.fps == 25
    assert psnr(clip.array(), frames) > 24


def test_the_name_does_not_decide(tmp_path):
    Clip.from_array(moving(3), 12).save(tmp_path / "clip.mp4").rename(tmp_path / "clip.png")
    assert read(tmp_path / "clip.png").frame_count == 3


def test_a_clip_is_read_anew_each_time(tmp_path):
    clip = read(Clip.from_array(moving(5), 12).save(tmp_path / "clip.mp4"))
    one, two = iter(clip), iter(clip)
    assert np.array_equal(next(one), next(two))
    assert len(list(one)) == len(list(two)) == 4


def test_times_that_vary_become_a_constant_rate(tmp_path):
    """Frames at 0, 0.5, 0.6 and 1.0 s, the last for 0.04 s: on average one in 0.26 s, of which we take the middles."""
    frames = [np.full((48, 64, 3), 60 * k, np.uint8) for k in range(4)]
    clip = read(mux(tmp_path / "vary.mkv", frames, times=[0, 500, 600, 1000]))
    shown = [round(int(frame[0, 0, 0]) / 60) for frame in clip]
    assert len(shown) == clip.frame_count == 4
    assert shown == [0, 0, 2, 2]


def test_times_that_are_only_rounded_pass_unchanged(tmp_path):
    frames = [np.full((48, 64, 3), 8 * k, np.uint8) for k in range(24)]
    times = [round(k * 1001 / 24) for k in range(24)]
    clip = read(mux(tmp_path / "rounded.mkv", frames, times=times))
    assert [round(int(frame[0, 0, 0]) / 8) for frame in clip] == list(range(24))


MATRICES = {  # a, b, c, d of the display matrix: (x, y) is shown at (ax + cy, bx + dy)
    (0, 1, -1, 0): lambda frame: np.rot90(frame, -1),
    (-1, 0, 0, -1): lambda frame: np.rot90(frame, 2),
    (0, -1, 1, 0): lambda frame: np.rot90(frame, 1),
    (-1, 0, 0, 1): lambda frame: frame[:, ::-1],
    (0, 1, 1, 0): lambda frame: frame.swapaxes(0, 1),
}


@pytest.mark.parametrize("matrix", MATRICES)
def test_a_phones_video_stands_upright(tmp_path, matrix):
    path = Clip.from_array(np.repeat(quadrants()[None], 3, axis=0), 12).save(tmp_path / "clip.mp4")
    data = bytearray(path.read_bytes())
    a, b, c, d = (value * 65536 for value in matrix)
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    clip = read(path)
    wanted = MATRICES[matrix](quadrants())
    assert (clip.height, clip.width) == wanted.shape[:2]
    assert all(psnr(frame, wanted) > 20 for frame in clip)  # turned wrongly: below 8


def test_a_phones_photo_stands_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(quadrants()).save(tmp_path / "photo.jpg", quality=95, exif=exif)
    assert psnr(read(tmp_path / "photo.jpg").array()[0], np.rot90(quadrants(), -1)) > 25


@pytest.mark.parametrize("ending", ["png", "webp", "gif"])
def test_transparent_parts_lie_over_white(tmp_path, ending):
    picture = Image.new("RGBA", (16, 16), (200, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 8, 16))
    picture.save(tmp_path / f"logo.{ending}", lossless=True)
    frame = read(tmp_path / f"logo.{ending}").array()[0]
    assert frame[4, 4].tolist() == [255, 255, 255]
    assert np.abs(frame[4, 12].astype(int) - [200, 0, 0]).max() < 8


def test_a_transparent_video_lies_over_white(tmp_path):
    rgba = np.zeros((16, 16, 4), np.uint8)
    rgba[:, 8:] = 200, 100, 0, 255
    with av.open(str(tmp_path / "logo.mov"), "w") as container:
        stream = container.add_stream("png", rate=10)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "rgba"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(rgba, format="rgba")))
        container.mux(stream.encode(None))
    frame = next(iter(read(tmp_path / "logo.mov")))
    assert frame[4, 4].tolist() == [255, 255, 255] and frame[4, 12].tolist() == [200, 100, 0]


def test_grey_of_sixteen_bits_keeps_its_shades(tmp_path):
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(4, 0)
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    frame = read(tmp_path / "deep.png").array()[0]
    assert np.abs(frame[0, :, 0].astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "RGB"])
def test_every_kind_of_picture_becomes_rgb(tmp_path, mode):
    ending = "jpg" if mode == "CMYK" else "png"
    Image.new("RGB", (9, 7), "white").convert(mode).save(tmp_path / f"picture.{ending}")
    assert read(tmp_path / f"picture.{ending}").array().tolist() == np.full((1, 7, 9, 3), 255).tolist()


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_animations_of_other_software(tmp_path, ending):
    frames = [Image.fromarray(np.full((12, 16, 3), 50 * k, np.uint8)) for k in range(4)]
    frames[0].save(tmp_path / f"a.{ending}", save_all=True, append_images=frames[1:], duration=100, lossless=True)
    clip = read(tmp_path / f"a.{ending}")
    assert (clip.fps, clip.metadata) == (10, {})
    assert [round(int(frame[0, 0, 0]) / 50) for frame in clip] == [0, 1, 2, 3]


def test_a_strangers_metadata_is_given_as_it_is(tmp_path):
    with av.open(str(tmp_path / "film.mkv"), "w", format="matroska") as container:
        container.metadata.update({"title": "A film", "comment": '{"not": ["ours"]}'})
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(quadrants(), format="rgb24").reformat(format="yuvj420p")))
        container.mux(stream.encode(None))
    assert read(tmp_path / "film.mkv").metadata == {"title": "A film", "comment": '{"not": ["ours"]}'}


def test_limits_are_the_callers_to_choose(tmp_path):
    path = Clip.from_array(moving(3, 60, 40), 12).save(tmp_path / "clip.mp4")
    assert read(path, Limits(pixels=2400, frames=3, seconds=0.25, video_bytes=path.stat().st_size)).frame_count == 3


# Rates and times.


@pytest.mark.parametrize(
    ("count", "ticks", "tick", "hint", "rate"),
    [
        (25, 25025, Fraction(1, 24000), None, Fraction(24000, 1001)),
        (25, 208, Fraction(1, 100), Fraction(25, 2), 12),
        (26, 3713, Fraction(1, 1000), Fraction(7), 7),
        (100, 4170, Fraction(1, 1000), None, Fraction(24000, 1001)),
        (25, 1042, Fraction(1, 1000), Fraction(24000, 1001), Fraction(24000, 1001)),
        (4, 10, Fraction(1), None, Fraction(2, 5)),
        (1, 0, Fraction(1, 1000), None, 1),
        (9, 0, Fraction(1, 1000), Fraction(90000), 1000),
    ],
)
def test_the_rate_that_was_meant(count, ticks, tick, hint, rate):
    assert constant_rate(count, ticks, tick, hint) == rate


def test_held_frames_fill_gaps_and_nothing_comes_twice_too_often():
    frames = [np.full((1, 1, 3), k, np.uint8) for k in range(3)]
    timed = list(zip((Fraction(0), Fraction(3), Fraction(4)), frames, strict=True))
    assert [int(frame[0, 0, 0]) for frame in held(timed, Fraction(1), 6)] == [0, 0, 0, 1, 2, 2]
    assert list(held([], Fraction(1), 3)) == []


def test_milliseconds_do_not_drift():
    stays = milliseconds(Fraction(24000, 1001))
    total = sum(next(stays) for _ in range(24000))
    assert total == 1001 * 1000
