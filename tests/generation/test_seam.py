from fractions import Fraction

import numpy as np

from worldreel.generation.seam import with_given
from worldreel.prompting.canvas import Canvas, Cue

FPS = Fraction(12)
CUES = (Cue(0.0, "a dog"),)


def textured(seed=0, side=48):
    """A picture [H, W, 3] with detail that a codec would lose."""
    noise = np.random.default_rng(seed).integers(-12, 13, (side, side, 1))
    return np.clip(np.full((side, side, 3), 120) + noise, 0, 255).astype(np.uint8)


def ceilings(*levels):
    return np.array(levels, np.float32)[:, None, None]


def test_what_is_made_takes_the_colours_of_what_was_given():
    """The codec made the known frames darker by 10 at the start, and by 20 at the end: so it did to those between."""
    pixels = np.full((5, 4, 4, 3), 100, np.uint8)
    ceilings = np.array([0, 1, 1, 1, 0], np.float32)[:, None, None]
    frames = pixels - np.array([10, 0, 0, 0, 20], np.uint8)[:, None, None, None]
    made = with_given(frames, Canvas(pixels, ceilings, FPS, CUES))
    assert made[:, 0, 0, 0].tolist() == [100, 112, 115, 118, 100]


def test_where_nothing_changes_the_given_detail_stays():
    """The codec lost all detail, and the made frames show the same wall: there is no jump at the seam."""
    wall = textured()
    flat = np.full((3, *wall.shape), 120, np.uint8)
    made = with_given(flat.copy(), Canvas(np.stack([wall] * 3), ceilings(0, 1, 1), FPS, CUES))
    assert np.abs(made[1:].astype(int) - wall).max() <= 1


def test_where_something_else_is_shown_no_ghost_of_the_given_detail_is_left():
    wall = textured()
    frames = np.full((2, *wall.shape), 120, np.uint8)
    frames[1, :, 24:] = 40  # something dark came in on the right
    made = with_given(frames.copy(), Canvas(np.stack([wall] * 2), ceilings(0, 1), FPS, CUES))
    shade = wall.mean() - 120
    assert np.abs(made[1, :, 30:] - (40 + shade)).max() <= 1
    assert np.abs(made[1, :, :18].astype(int) - wall[:, :18]).max() <= 1


def test_between_two_neighbours_the_nearer_weighs_more():
    before, after = textured(1), textured(2)
    frames = np.full((5, *before.shape), 120, np.uint8)
    pixels = np.stack([before, before, before, after, after])
    made = with_given(frames, Canvas(pixels, ceilings(0, 1, 1, 1, 0), FPS, CUES)).astype(float)

    def share(frame, picture):
        return np.corrcoef(frame.ravel(), picture.ravel())[0, 1]

    assert share(made[1], before) > share(made[2], before) > share(made[3], before)
    assert share(made[3], after) > share(made[3], before)


def test_nothing_given_changes_nothing():
    frames = np.stack([textured(3)] * 2)
    assert np.array_equal(with_given(frames.copy(), Canvas(np.zeros_like(frames), ceilings(1, 1), FPS, CUES)), frames)
