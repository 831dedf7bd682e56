"""Bodies whose movement is known, badly drawn, against the same well drawn."""

import numpy as np
import pytest

from tests.generation.test_seam import CUES, FPS, ceilings
from worldreel.generation.carrying import carried
from worldreel.generation.seam import with_given
from worldreel.prompting.canvas import Canvas

SIDE, BODY = 66, 18


def body(seed=0):
    """Detail [BODY, BODY, 3] that is nowhere else."""
    coarse = np.random.default_rng(seed).integers(0, 256, (BODY // 3, BODY // 3, 3))
    return coarse.repeat(3, axis=0).repeat(3, axis=1).astype(np.uint8)


def moving(frames, speed, start=(4, 4), drawn=None):
    """A body on grey that moves by `speed`, down and to the right, [T, SIDE, SIDE, 3]."""
    clip = np.full((frames, SIDE, SIDE, 3), 90, np.uint8)
    for number in range(frames):
        top, left = (one + number * step for one, step in zip(start, speed, strict=True))
        clip[number, top : top + BODY, left : left + BODY] = body() if drawn is None else drawn
    return clip


def badly(clip, seed=1):
    """The same with less contrast, and noise where it is not grey."""
    noise = np.random.default_rng(seed).integers(-25, 26, clip.shape)
    rough = 90 + 0.7 * (clip.astype(float) - 90) + noise * (clip != 90)
    return rough.clip(0, 255).astype(np.uint8)


def error(one, other):
    return float(np.sqrt(np.square(one.astype(float) - other).mean()))


@pytest.mark.parametrize("given", [[0], [11], [0, 11], [5]])
@pytest.mark.parametrize("speed", [(0, 0), (0, 2), (2, 1)])
def test_a_body_looks_as_it_was_given_wherever_it_goes(given, speed):
    truth = moving(12, speed)
    made = badly(truth)
    made[given] = truth[given]
    before = error(made, truth)
    assert carried(made, np.array(given), truth)
    assert error(made, truth) < 0.25 * before


def test_where_it_goes_is_what_was_made():
    """Given stands; what was made moves."""
    truth = moving(8, (0, 2))
    made = badly(truth)
    made[0] = truth[0]
    pixels = np.stack([truth[0]] * 8)
    carried(made, np.array([0]), pixels)
    assert error(made[7], truth[7]) < error(truth[0], truth[7]) / 4


def test_what_is_in_no_given_frame_stays():
    truth = moving(6, (0, 2))
    truth[3:, 44:62, 40:58] = 255, 0, 0
    out = truth.copy()
    carried(out, np.array([0]), truth)
    lost, apart = (error(one[3:, 44:62, 40:58], truth[3:, 44:62, 40:58]) for one in (out, np.full_like(truth, 90)))
    assert lost < 0.2 * apart  # at its rim


def test_of_two_given_frames_the_nearer_counts_more():
    truth = moving(7, (1, 1))
    pixels = truth.copy()
    pixels[6] = moving(7, (1, 1), drawn=(body() * 0.8).astype(np.uint8))[6]
    out = badly(truth)
    carried(out, np.array([0, 6]), pixels)
    first, last = (error(out[number], truth[number]) for number in (1, 5))
    assert first < 0.5 * last


def test_given_frames_and_clips_without_any_stay():
    truth = moving(4, (0, 1))
    made = badly(truth)
    out = made.copy()
    assert not carried(out, np.array([], int), truth)
    assert np.array_equal(out, made)
    out[0] = truth[0]
    assert carried(out, np.array([0]), truth)
    assert np.array_equal(out[0], truth[0])


def test_it_moves_on_as_it_moved():
    """Looks in turn, of which given frames show a round and more; before and after them."""
    drawn = [body() for _ in range(6)]
    for look, one in enumerate(drawn):
        one[3 * look : 3 * look + 3, 6:12] = 255 * (look % 2)
    truth = np.concatenate([moving(1, (0, 0), (20, 4 + 2 * number), drawn[number % 6]) for number in range(20)])
    for given in (np.arange(10), np.arange(10, 20)):
        made = badly(truth)
        made[given] = truth[given]
        assert carried(made, given, truth)
        assert error(made, truth) < 0.3 * error(badly(truth), truth)


def test_nothing_is_carried_across_a_cut():
    truth = moving(6, (0, 1))
    canvas = Canvas(truth, ceilings(0, 1, 1, 1, 1, 1), FPS, CUES, cuts=(3,))
    plain, followed = (with_given(badly(truth), canvas, carries) for carries in (False, True))
    assert np.array_equal(plain[3:], followed[3:])
    assert error(followed[1:3], truth[1:3]) < 0.5 * error(plain[1:3], truth[1:3])


def test_where_it_is_badly_drawn_it_is_whole_all_the_same():
    """Halves of it are drawn elsewhere, and it lacks a frame."""
    truth = moving(12, (0, 3))
    made = badly(truth)
    made[1:, 4 : 4 + BODY // 2] = np.roll(made[1:, 4 : 4 + BODY // 2], 3, axis=2)
    made[6] = 90
    assert carried(made, np.array([0]), truth)
    assert error(made[1:], truth[1:]) < 0.1 * error(np.full_like(truth, 90), truth)


def test_what_is_given_on_both_sides_is_somewhere_in_between():
    """Though nothing of it was made."""
    truth = moving(9, (4, 2))
    made = np.full_like(truth, 90)
    assert carried(made, np.array([0, 8]), truth)
    assert np.array_equal(made[1:8], truth[1:8])


def test_bodies_that_differ_do_not_become_each_other():
    truth = moving(9, (0, 0))
    pixels = truth.copy()
    pixels[8] = 90
    pixels[8, 40:58, 40:58] = body(seed=3)
    out = np.full_like(truth, 90)
    carried(out, np.array([0, 8]), pixels)
    assert error(out, np.full_like(truth, 90)) < 1


def test_frames_without_bodies_are_left_alone():
    picture = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), np.uint8)
    out = badly(picture)
    assert not carried(out, np.array([0]), picture)
    assert np.array_equal(out, badly(picture))


@pytest.mark.parametrize("side", [(1, 1), (1, 64), (64, 2), (8, 8), (40, 100)])
def test_frames_may_be_of_any_shape(side):
    truth = np.full((5, *side, 3), 90, np.uint8)
    truth[:, : side[0] // 3 + 1, : side[1] // 3 + 1] = 250, 10, 60
    made = truth.copy()
    carried(made, np.array([0, 4]), truth)
    assert error(made, truth) < 1
