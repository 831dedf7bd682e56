import errno
import os
import resource
import subprocess
import tempfile
import weakref
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.media.making import moving, psnr, quadrants
from worldreel.errors import UserError
from worldreel.media import Clip, check_target, read, write

METADATA = {"prompt": 'a "red" dog\nén 犬', "seed": "7", "comment": "mine = mine", "a key": ""}
MOVING = ["mp4", "webm", "gif", "webp"]
STILL = ["png", "jpg", "jpeg", "webp"]


@pytest.mark.parametrize("fps", [Fraction(12), Fraction(24000, 1001), Fraction(7), Fraction(25, 2)])
@pytest.mark.parametrize("count", [1, 2, 26])
@pytest.mark.parametrize("ending", MOVING)
def test_a_clip_comes_back(tmp_path, ending, count, fps):
    frames = moving(count)
    path = Clip.from_array(frames, fps, METADATA).save(tmp_path / f"clip.{ending}")
    clip = read(path)
    assert (clip.frame_count, clip.width, clip.height) == (count, 64, 48)
    if ending != "webp" or count > 1:
        assert clip.fps == fps
    assert clip.metadata == METADATA
    back = clip.array()
    assert back.shape == frames.shape
    assert psnr(back, frames) > {"mp4": 38, "webm": 38, "gif": 28, "webp": 98}[ending]
    assert np.abs(back.astype(float) - frames).mean((0, 1, 2)).max() < 8


@pytest.mark.parametrize("ending", ["mp4", "webm"])
def test_colours_keep_their_place(tmp_path, ending):
    """Flat colours: a wrong matrix or range shifts them by ten and more."""
    frames = np.repeat(quadrants()[None], 3, axis=0)
    frames[:, 40:, 50:] = 16, 128, 235
    back = read(Clip.from_array(frames, 12).save(tmp_path / f"flat.{ending}")).array().astype(int)
    for row, column in ((8, 8), (8, 56), (40, 8), (30, 40), (44, 57)):
        assert np.abs(back[:, row, column] - frames[:, row, column]).max() <= 4


@pytest.mark.parametrize("ending", ["mp4", "webm"])
def test_players_are_told_the_colours(tmp_path, ending):
    path = Clip.from_array(moving(2), 12).save(tmp_path / f"tags.{ending}")
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (1, 1, 1, 1)
        assert context.pix_fmt == "yuv420p"


def test_an_mp4_plays_while_it_loads_and_names_its_metadata(tmp_path):
    path = Clip.from_array(moving(2), 12, METADATA).save(tmp_path / "clip.mp4")
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(path)) as container:
        assert container.metadata["prompt"] == METADATA["prompt"]
        assert '"seed": "7"' in container.metadata["comment"]


@pytest.mark.parametrize("ending", STILL)
def test_an_image_comes_back(tmp_path, ending):
    frames = moving(1, 33, 47)
    image = read(Clip.from_array(frames, 1, METADATA).save(tmp_path / f"image.{ending}"))
    assert image.is_image
    assert image.metadata == METADATA
    assert psnr(image.array(), frames) > (35 if ending.startswith("j") else 98)


@pytest.mark.parametrize("ending", MOVING + STILL)
def test_the_same_frames_give_the_same_bytes(tmp_path, ending):
    clip = Clip.from_array(moving(1 if ending in STILL else 4), 12, METADATA)
    clip.save(tmp_path / f"a.{ending}")
    clip.save(tmp_path / f"b.{ending}")
    assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


def test_what_was_in_memory_before_does_not_reach_an_mp4(tmp_path):
    """Memory that is freed and given out again holds what was written there, here small numbers such as motions have."""
    rng = np.random.default_rng(0)
    frames, litter = rng.integers(0, 256, (8, 32, 32, 3), np.uint8), rng.normal(0, 400, 30_000).astype(np.int16)
    found = set()
    for _ in range(40):
        held = [litter[: int(length)].copy() for length in rng.integers(32, 15_000, 300)]
        rng.shuffle(litter)
        del held
        path = Clip.from_array(frames, 12).save(tmp_path / "clip.mp4", overwrite=True)
        found.add(path.read_bytes())
    assert len(found) == 1


@pytest.mark.parametrize("ending", ["gif", "webp", "mp4"])
def test_equal_frames_stay_frames(tmp_path, ending):
    clip = read(Clip.from_array(np.repeat(quadrants()[None], 6, axis=0), 10).save(tmp_path / f"held.{ending}"))
    assert (clip.frame_count, clip.fps, len(list(clip))) == (6, 10, 6)


def test_other_software_reads_the_animation(tmp_path):
    frames = moving(5, 31, 45)
    with Image.open(Clip.from_array(frames, 7).save(tmp_path / "clip.webp")) as image:
        assert image.n_frames == 5
        for index, frame in enumerate(frames):
            image.seek(index)
            assert np.array_equal(np.asarray(image.convert("RGB")), frame)


@pytest.mark.parametrize("ending", ["webm", "gif", "webp"])
def test_odd_sides_are_exact_where_the_format_takes_them(tmp_path, ending):
    assert read(Clip.from_array(moving(2, 47, 63), 12).save(tmp_path / f"odd.{ending}")).array().shape == (2, 47, 63, 3)


def test_metadata_is_the_clips_own_unless_given(tmp_path):
    clip = Clip.from_array(moving(2), 12, {"prompt": "a dog"})
    assert read(clip.save(tmp_path / "own.mp4")).resampled(6).metadata == {"prompt": "a dog"}
    assert read(clip.save(tmp_path / "given.mp4", metadata={"seed": "3"})).metadata == {"seed": "3"}


def test_a_name_is_never_taken_for_a_protocol(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Clip.from_array(moving(2), 12).save("concat:shot|1.mp4") == Path("concat:shot|1.mp4")
    assert read("concat:shot|1.mp4").frame_count == 2


# Refusals before any work.


@pytest.mark.parametrize(
    ("name", "size", "count", "says"),
    [
        ("clip.mp4", (127, 95), 3, "127x95 is odd and MP4 takes even sides; try 126x94 or 128x96, or write .png or .webp"),
        ("clip.mp4", (1, 1), 3, "try 2x2"),
        ("clip.xyz", (64, 48), 3, r"\.xyz is not a format; end the name in \.mp4"),
        ("clip", (64, 48), 3, "no ending is not a format"),
        ("clip.png", (64, 48), 3, "one image, not 3 frames"),
        ("clip.mp4", (64, 48), 0, "no frame to write"),
        ("clip.webp", (20000, 48), 3, "16383 pixels a side"),
        ("missing/clip.mp4", (64, 48), 3, "there is no folder"),
        ("there.mp4", (64, 48), 3, "exists already; give another name, or --overwrite"),
        ("folder.mp4", (64, 48), 3, "is a folder"),
    ],
)
def test_a_target_is_refused_before_work_begins(tmp_path, name, size, count, says):
    (tmp_path / "there.mp4").write_text("old")
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(UserError, match=says) as refusal:
        check_target(tmp_path / name, *size, count)
    assert "\n" not in str(refusal.value) and name in str(refusal.value)


def test_a_good_target_passes_and_stays_untouched(tmp_path):
    (tmp_path / "there.mp4").write_text("old")
    assert check_target(tmp_path / "new.MP4", 64, 48, None) == tmp_path / "new.MP4"
    assert check_target(tmp_path / "there.mp4", 64, 48, 3, overwrite=True).read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["there.mp4"]


def test_a_read_only_folder_is_refused():
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o555)
        try:
            with _as_a_mere_user(), pytest.raises(UserError, match="permission denied"):
                check_target(Path(name) / "clip.mp4", 64, 48, 3)
        finally:
            Path(name).chmod(0o755)


@contextmanager
def _as_a_mere_user():
    """Root may write anywhere; nobody (65534) may not."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_gif_too_fast_for_browsers_is_refused(tmp_path):
    with pytest.raises(UserError, match="50 frames a second at most"):
        Clip.from_array(moving(2), 60).save(tmp_path / "fast.gif")
    with pytest.raises(UserError, match=r"write \.mp4"):
        check_target(tmp_path / "fast.gif", 64, 48, 2, fps=60)


def test_metadata_too_large_for_jpeg_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"write a \.png"):
        Clip.from_array(moving(1), 1, {"prompt": "x" * 70_000}).save(tmp_path / "image.jpg")
    assert list(tmp_path.iterdir()) == []


# Whole or not at all.


class _StopError(Exception):
    pass


@pytest.mark.parametrize("error", [KeyboardInterrupt(), _StopError(), OSError(errno.EIO, "the source's own")])
@pytest.mark.parametrize("ending", MOVING)
@pytest.mark.parametrize("after", [0, 1, 60])
def test_nothing_stays_when_frames_fail(tmp_path, ending, error, after):
    def frames():
        yield from moving(after)
        raise error

    path = tmp_path / f"clip.{ending}"
    path.write_text("old")
    with pytest.raises(type(error)) as raised:
        write(Clip.from_frames(frames, 64, 48, 12), path, overwrite=True)
    assert raised.value is error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("ending", [*MOVING, "png"])
def test_frames_unlike_the_clip_are_a_programming_error(tmp_path, ending):
    wrong = Clip.from_frames(lambda: iter(moving(1, 40, 64)), 64, 48, 12, 1)
    with pytest.raises(ValueError, match="not uint8"):
        wrong.save(tmp_path / f"clip.{ending}")
    short = Clip.from_frames(lambda: iter(moving(1)), 64, 48, 12, 1 if ending == "png" else 5)
    if ending != "png":
        with pytest.raises(ValueError, match="promised 5"):
            short.save(tmp_path / f"clip.{ending}")
    with pytest.raises(UserError, match="no frame"):
        Clip.from_frames(lambda: iter(()), 64, 48, 12).save(tmp_path / f"clip.{ending}")
    assert list(tmp_path.iterdir()) == []


def test_a_second_frame_that_nobody_announced_does_not_fit_an_image(tmp_path):
    with pytest.raises(UserError, match="one image"):
        Clip.from_frames(lambda: iter(moving(2)), 64, 48, 12).save(tmp_path / "image.png")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_came_first_is_kept(tmp_path):
    path = tmp_path / "clip.mp4"

    def frames():
        yield from moving(2)
        path.write_text("another's")

    with pytest.raises(UserError, match="exists already"):
        Clip.from_frames(frames, 64, 48, 12).save(path)
    assert path.read_text() == "another's"
    assert list(tmp_path.iterdir()) == [path]


@contextmanager
def _files_up_to(size):
    """A disk that ends: the system refuses to let any file grow beyond `size`. Needs no rights, so it runs everywhere."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _noise(count=8):
    return np.random.default_rng(0).integers(0, 256, (count, 48, 64, 3), np.uint8)


@pytest.mark.parametrize("ending", [*MOVING, "png", "jpg"])
def test_a_disk_that_ends_leaves_no_part_of_a_file(tmp_path, ending):
    """Wherever in the file the disk ends: header, frames, index or comment."""
    clip = Clip.from_array(_noise(1 if ending in ("png", "jpg") else 8), 12, METADATA)
    whole = clip.save(tmp_path / f"whole.{ending}").read_bytes()
    for size in [0, 10, *(len(whole) * part // 16 for part in range(1, 16)), len(whole) - 1]:
        with _files_up_to(size), pytest.raises(UserError, match="cannot be written: file too large"):
            clip.save(tmp_path / f"part.{ending}")
        assert [path.name for path in tmp_path.iterdir()] == [f"whole.{ending}"]


@pytest.fixture
def full_disk(tmp_path):
    """A disk of 16 KB where we may mount one; elsewhere the limit on files, which is as final."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)]
    if os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0:
        try:
            yield folder, "the disk is full"
        finally:
            subprocess.run(["umount", str(folder)], check=True)
    else:
        with _files_up_to(16_384):
            yield folder, "file too large"


@pytest.mark.parametrize("ending", [*MOVING, "png"])
def test_a_full_disk_is_said_in_one_line(full_disk, ending):
    folder, says = full_disk
    clip = Clip.from_array(_noise(1) if ending == "png" else _noise(), 12)
    clip = clip.resized(256, 192)
    with pytest.raises(UserError, match=says) as refusal:
        clip.save(folder / f"clip.{ending}")
    assert "\n" not in str(refusal.value)
    assert list(folder.iterdir()) == []


# Streaming.


@pytest.mark.parametrize(("ending", "count"), [("mp4", 2000), ("webm", 300), ("gif", 300), ("webp", 300)])
def test_writing_holds_a_few_frames_at_a_time(tmp_path, ending, count):
    alive, most = 0, 0

    def gone():
        nonlocal alive
        alive -= 1

    def frames():
        nonlocal alive, most
        for k in range(count):
            frame = np.full((16, 16, 3), k % 251, np.uint8)
            weakref.finalize(frame, gone)
            alive += 1
            most = max(most, alive)
            yield frame
            del frame

    path = Clip.from_frames(frames, 16, 16, 24, count).save(tmp_path / f"long.{ending}")
    assert most <= 4
    assert read(path).frame_count == count


def test_reading_holds_a_few_frames_at_a_time(tmp_path):
    path = Clip.from_array(moving(100), 24).save(tmp_path / "clip.mp4")
    alive: weakref.WeakSet[_Held] = weakref.WeakSet()
    for frame in read(path).resized(32, 24).resampled(12).slice(5, 45):
        alive.add(_Held(frame))
        assert len(alive) <= 4


class _Held:
    """Lives as long as the frame that it hangs on."""

    def __init__(self, frame):
        weakref.finalize(frame, lambda held: None, self)
