"""Files that are not what they say. Each gives one line that names the file, and a way out; none gives a traceback or
a fetch."""

import os
import random
import select
import socket
import struct
import tempfile
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.media.making import moving, mux
from worldreel.errors import UserError
from worldreel.media import Clip, Limits, read

ENDINGS = ["mp4", "webm", "gif", "webp", "png", "jpg"]


def refused(path, says, limits=None):
    with pytest.raises(UserError, match=says) as refusal:
        for _ in read(path, limits):
            pass
    message = str(refusal.value)
    assert str(path) in message and "\n" not in message and ";" in message, message


def saved(folder, ending, count=8):
    return Clip.from_array(moving(1 if ending in ("png", "jpg") else count), 12).save(folder / f"good.{ending}")


@pytest.mark.parametrize("content", [b"just words\n" * 20, b"<html>", b"PK\x03\x04" + bytes(60), bytes(100), b"\xff" * 100])
@pytest.mark.parametrize("ending", ENDINGS)
def test_something_else_by_a_videos_name(tmp_path, content, ending):
    (tmp_path / f"clip.{ending}").write_bytes(content)
    refused(tmp_path / f"clip.{ending}", "is not a video or image that Worldreel reads; give MP4")


def test_an_empty_file(tmp_path):
    (tmp_path / "clip.mp4").touch()
    refused(tmp_path / "clip.mp4", "is empty")


def test_what_is_no_file_at_all(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    refused(tmp_path / "pipe.mp4", "not a file on disk")
    refused(tmp_path, "is a folder")
    refused(tmp_path / "missing.mp4", "no such file")
    refused(tmp_path / "pipe.mp4" / "in.mp4", "not a directory")


def test_a_file_that_may_not_be_read():
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        path = saved(Path(name), "mp4")
        path.chmod(0)
        user = os.geteuid()
        try:
            if user == 0:
                os.seteuid(65534)
            refused(path, "permission denied")
        finally:
            os.seteuid(user)


@pytest.mark.parametrize("name", ["list.mp4", "list.m3u8", "list.webm", "list.png"])
@pytest.mark.parametrize("before", [b"", b"\0\0\0\x08ftyp"])
def test_a_playlist_fetches_nothing(tmp_path, name, before):
    saved(tmp_path, "mp4")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        lines = [
            "#EXTM3U",
            "#EXT-X-TARGETDURATION:2",
            "#EXTINF:2,",
            f"http://127.0.0.1:{port}/a.ts",
            "good.mp4",
            "#EXT-X-ENDLIST",
        ]
        (tmp_path / name).write_bytes(before + "\n".join(lines).encode())
        refused(tmp_path / name, "cannot be decoded|is not a video|no video|cut short")
        assert select.select([server], [], [], 0) == ([], [], [])


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.5, 0.8, 0.9])
def test_a_file_cut_short(tmp_path, ending, part):
    whole = saved(tmp_path, ending).read_bytes()
    (tmp_path / f"cut.{ending}").write_bytes(whole[: int(len(whole) * part)])
    refused(tmp_path / f"cut.{ending}", "cut short|damaged|not a video")


def test_sound_without_pictures(tmp_path):
    with av.open(str(tmp_path / "song.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    refused(tmp_path / "song.mp4", "has sound but no video")


# Bombs: small files that ask for much.


def png_of(width, height):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(30_000, 30_000), (10_000, 10_000), (2**31 - 1, 2**31 - 1), (4097, 2304), (0, 5)])
def test_a_png_bomb(tmp_path, size):
    (tmp_path / "bomb.png").write_bytes(png_of(*size))
    refused(tmp_path / "bomb.png", f"{size[0]}x{size[1]}, above|no known size|cannot be decoded")


def test_gif_webp_and_jpeg_bombs(tmp_path):
    (tmp_path / "bomb.gif").write_bytes(b"GIF89a" + b"\xff\xff\xff\xff\0\0\0" + bytes(50) + b";")
    refused(tmp_path / "bomb.gif", "65535x65535, above")
    body = b"VP8X\x0a\0\0\0\x02\0\0\0" + b"\xff\xff\0\xff\xff\0"
    (tmp_path / "bomb.webp").write_bytes(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body)
    refused(tmp_path / "bomb.webp", "65536x65536, above")
    data = bytearray(saved(tmp_path, "jpg").read_bytes())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = b"\xff\xff\xff\xff"
    (tmp_path / "bomb.jpg").write_bytes(data)
    refused(tmp_path / "bomb.jpg", "65535x65535, above")


def test_a_gif_frame_beyond_its_picture(tmp_path):
    data = bytearray(saved(tmp_path, "gif").read_bytes())
    at = data.index(b",\0\0\0\0")
    data[at + 5 : at + 9] = b"\xff\x7f\xff\x7f"
    (tmp_path / "bomb.gif").write_bytes(data)
    refused(tmp_path / "bomb.gif", "frame 0 is larger")


@pytest.fixture(scope="module")
def huge(tmp_path_factory):
    """A small MP4 of one black 8192x8192 frame."""
    path = tmp_path_factory.mktemp("huge") / "huge.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=24)
        stream.width = stream.height = 8192
        stream.pix_fmt = "yuvj420p"
        container.mux(stream.encode(av.VideoFrame(8192, 8192, "yuvj420p")))
        container.mux(stream.encode(None))
    return path


def test_an_mp4_bomb(huge):
    assert huge.stat().st_size < 2_000_000
    refused(huge, "8192x8192, above|far above 9437184 pixels")


def test_an_mp4_bomb_that_declares_to_be_small(huge, tmp_path):
    frame, index = huge.read_bytes().split(b"moov")
    index = index.replace(struct.pack(">HH", 8192, 8192), struct.pack(">HH", 128, 96))
    (tmp_path / "liar.mp4").write_bytes(frame + b"moov" + index)
    refused(tmp_path / "liar.mp4", "far above 9437184 pixels|cannot be decoded|holds no frame")


def test_a_frame_of_another_size(tmp_path):
    path = mux(tmp_path / "grows.mkv", [*moving(3), *moving(3, 96, 128)])
    refused(path, "declares 64x48, but its frame 3 is 128x96")


@pytest.mark.parametrize("ending", ["mp4", "webm", "gif", "webp"])
def test_a_clip_beyond_the_limits(tmp_path, ending):
    path = saved(tmp_path, ending, 12)
    refused(path, "more than 11 frames", Limits(frames=11))
    refused(path, r"s long, above 0\.5 s", Limits(seconds=0.5))
    refused(path, "64x48, above 3000", Limits(pixels=3000))
    refused(path, "MB of a video", Limits(video_bytes=100))


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_an_image_beyond_the_limits(tmp_path, ending):
    path = saved(tmp_path, ending, 1)
    refused(path, "64x48, above 3000", Limits(pixels=3000))
    refused(path, "MB of an image", Limits(image_bytes=100))


def test_a_hundred_hours_of_nothing(tmp_path):
    """Two frames, four days apart."""
    refused(mux(tmp_path / "long.mkv", list(moving(2)), times=[0, 360_000_000]), "above 120 s")


def test_metadata_that_bites(tmp_path):
    for text in ("[" * 100_000, '{"a":' * 100_000, '{"worldreel.fps": "1e999999999"}', '{"worldreel.fps": "0"}', "\udcff"):
        comment = text.encode("utf-8", "surrogateescape")
        blocks = b"".join(bytes([len(comment[i : i + 255])]) + comment[i : i + 255] for i in range(0, len(comment), 255))
        data = saved(tmp_path, "gif").read_bytes()
        (tmp_path / "bites.gif").write_bytes(data[:-1] + b"!\xfe" + blocks + b"\0;")
        assert read(tmp_path / "bites.gif").metadata == {}
        (tmp_path / "good.gif").unlink()


@pytest.mark.parametrize("ending", [*ENDINGS, "avi", "mkv", "animated.webp"])
def test_damaged_bytes_give_frames_or_one_line(tmp_path, ending):
    """Nothing else: no other error, no warning, no crash."""
    if ending in ("avi", "mkv"):
        good = mux(tmp_path / f"good.{ending}", list(moving(4)), "avi" if ending == "avi" else "matroska")
    else:
        good = saved(tmp_path, ending.split(".")[-1], 1 if ending == "webp" else 4)
    chance = random.Random(ending)
    whole = good.read_bytes()
    bad = tmp_path / f"bad.{ending}"
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(chance.choice([1, 3, 30])):
            data[chance.randrange(chance.choice([64, len(data)]))] = chance.choice([0, 255, chance.randrange(256)])
        bad.write_bytes(data)
        try:
            for frame in read(bad):
                assert frame.dtype == np.uint8 and frame.shape[2] == 3
        except UserError as error:
            assert str(bad) in str(error) and "\n" not in str(error)


def test_a_moving_png_is_its_first_picture(tmp_path):
    frames = [Image.fromarray(frame) for frame in moving(3)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    assert np.array_equal(read(tmp_path / "a.png").array(), moving(1))
