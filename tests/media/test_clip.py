import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.media.making import moving
from worldreel.errors import UserError
from worldreel.media import Clip


def counting(count, fps=12, known=True):
    """Frame k is all k."""
    return Clip.from_frames(lambda: (np.full((2, 4, 3), k, np.uint8) for k in range(count)), 4, 2, fps, count if known else None)


def shown(clip):
    return [int(frame[0, 0, 0]) for frame in clip]


def test_a_clip_is_its_frames_as_often_as_they_are_asked_for():
    frames = moving(5)
    clip = Clip.from_array(frames, 12)
    assert (clip.width, clip.height, clip.fps, clip.frame_count, clip.seconds) == (64, 48, 12, 5, 5 / 12)
    for _ in range(2):
        assert np.array_equal(np.stack(list(clip)), frames)
    assert np.array_equal(clip.array(), frames)
    assert not clip.is_image and clip.slice(2, 3).is_image


def test_making_a_clip_makes_no_frame():
    def explode():
        raise AssertionError("a frame was made")
        yield

    clip = Clip.from_frames(explode, 64, 48, 24, 100)
    assert clip.resized(32, 24).resampled(12).slice(10, 20).frame_count == 10


def test_rates_are_exact():
    assert counting(3, 29.97).fps == Fraction(2997, 100)
    assert counting(3, Fraction(24000, 1001)).fps == Fraction(24000, 1001)
    for bad in (0, -3, 5000):
        with pytest.raises(UserError, match="frames a second"):
            counting(3, bad)


def test_an_array_that_is_no_video_is_refused():
    for bad in (np.zeros((2, 4, 4, 3), np.float32), np.zeros((4, 4, 3), np.uint8), np.zeros((0, 4, 4, 3), np.uint8)):
        with pytest.raises(ValueError, match="uint8"):
            Clip.from_array(bad, 12)


@pytest.mark.parametrize("known", [True, False])
def test_a_clip_too_large_for_an_array_is_refused(known):
    with pytest.raises(UserError, match="does not fit"):
        counting(100, known=known).array(most_bytes=24 * 50)


@pytest.mark.parametrize("known", [True, False])
def test_resampling_takes_the_nearest_frame(known):
    clip = counting(6, 12, known)
    assert shown(clip.resampled(24)) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert shown(clip.resampled(6)) == [0, 2, 4]
    assert shown(clip.resampled(4)) == [0, 3]
    assert shown(clip.resampled(18)) == [0, 1, 1, 2, 3, 3, 4, 5, 5]
    assert shown(clip.resampled(1)) == [0]


@pytest.mark.parametrize("count", range(1, 30, 7))
@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(7), Fraction(1, 3), Fraction(60), Fraction(8)])
def test_resampling_promises_what_it_gives(count, rate):
    clip = counting(count, 24).resampled(rate)
    frames = shown(clip)
    assert len(frames) == clip.frame_count
    assert 0 <= clip.seconds - count / 24 < 1 / rate
    for tick, frame in enumerate(frames):
        assert abs(frame - tick * 24 / rate) <= Fraction(1, 2) or frame == count - 1


def test_a_slice_is_the_frames_asked_for():
    clip = counting(10)
    assert shown(clip.slice(3, 6)) == [3, 4, 5]
    assert shown(clip.slice(7)) == [7, 8, 9]
    assert clip.slice(7).frame_count == 3
    assert shown(counting(10, known=False).slice(7)) == [7, 8, 9]
    for start, stop in ((-1, 3), (3, 3), (4, 11), (10, None)):
        with pytest.raises(ValueError, match="not inside"):
            clip.slice(start, stop)


def test_resizing_keeps_smooth_pictures_and_averages_fine_ones():
    frames = moving(2, 96, 128)
    small = Clip.from_array(frames, 12).resized(64, 48)
    means = frames.reshape(2, 48, 2, 64, 2, 3).mean((2, 4))
    assert small.array().shape == (2, 48, 64, 3)
    assert np.abs(small.array() - means).max() < 3
    stripes = np.zeros((1, 64, 64, 3), np.uint8)
    stripes[:, :, ::2] = 254
    assert np.abs(Clip.from_array(stripes, 12).resized(16, 16).array().astype(int) - 127).max() < 24


def test_the_room_does_not_need_torch():
    root = Path(__file__).parents[2]
    code = "import sys, worldreel.media; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0
