"""Frames that a model draws group by group follow one another evenly; what moves evenly, and what was given, stays."""

from fractions import Fraction

import numpy as np
import pytest

from worldreel.generation import Settings, carry_out, plan
from worldreel.generation.pulse import evened
from worldreel.media import Clip

GROUPS = [1, 5, 9]


def greys(*levels, side=32):
    return np.stack([np.full((side, side, 3), level, np.uint8) for level in levels])


def everywhere(frames):
    return np.ones(frames.shape[:3], bool)


def test_a_jump_between_groups_becomes_five_steps_alike():
    frames = greys(*[100] * 5, *[150] * 8)
    even = evened(frames, GROUPS, everywhere(frames))[:, 16, 16, 0]
    assert even.tolist() == [100, 100, 100, 110, 120, 130, 140, 150, 150, 150, 150, 150, 150]


def test_what_changes_evenly_stays():
    frames = greys(*range(100, 152, 4))
    assert np.array_equal(evened(frames.copy(), GROUPS, everywhere(frames)), frames)


def test_what_moves_evenly_hardly_changes():
    """A picture that moves by three pixels a frame, beside which another one pops."""
    wide = np.random.default_rng(0).integers(0, 256, (8, 16, 3)).repeat(8, axis=0).repeat(8, axis=1).astype(np.uint8)
    frames = np.stack([np.roll(wide, 3 * number, axis=1)[:, :64] for number in range(13)])
    frames[5:, :, 48:] = 255 - frames[5:, :, 48:]
    even = evened(frames.copy(), GROUPS, everywhere(frames)).astype(int)
    left, right = np.abs(even - frames)[5, :, :32].mean(), np.abs(even - frames)[5, :, 48:].mean()
    assert left < 2 < 20 < right


def test_what_was_given_stays_and_draws_nothing_after_it():
    frames = greys(*[100] * 5, *[150] * 8)
    made = everywhere(frames)
    made[:5] = False
    assert np.array_equal(evened(frames.copy(), GROUPS, made), frames)


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_short_runs_keep_their_length(count):
    """A frame alone in its group says nothing of how things move."""
    frames = np.random.default_rng(0).integers(0, 256, (count, 16, 16, 3)).astype(np.uint8)
    starts = [start for start in GROUPS if start < count]
    even = evened(frames.copy(), starts, everywhere(frames))
    assert even.shape == frames.shape
    assert np.array_equal(even, frames) == (count < 3)


def test_a_model_says_whether_its_clips_want_it(handle, monkeypatch):
    """Only what is made changes, and of groups of four frames only those beside the steps between them."""
    model, made = handle.model, []
    clip = Clip.from_array(np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3)).astype(np.uint8), Fraction(12))
    for even in (False, True):
        monkeypatch.setattr(model, "config", model.config.model_copy(update={"evened": even}))
        made.append(carry_out(model, plan(model.config, "extend", clip, "a dog", settings=Settings(seed=1, steps=2))).array())
    plain, even = made
    changed = [number for number in range(len(plain)) if not np.array_equal(plain[number], even[number])]
    assert changed and min(changed) >= 5
