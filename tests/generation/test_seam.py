from fractions import Fraction

import numpy as np

from worldreel.generation.seam import with_detail, with_given
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
    """The codec made the known frames darker by 10 at the start, and by 20 at the end: so it did to those between (the first
    two and the last two dissolve into what was given)."""
    pixels = np.full((11, 4, 4, 3), 100, np.uint8)
    frames = pixels.copy()
    frames[0], frames[-1] = 90, 80
    made = with_given(frames, Canvas(pixels, ceilings(0, *[1] * 9, 0), FPS, CUES))
    assert made[[0, 3, 4, 5, 6, 7, 10], 0, 0, 0].tolist() == [100, 113, 114, 115, 116, 117, 100]


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
    assert np.abs(made[1, :, 30:] - (40 + shade)).max() <= 8  # of 80
    assert np.abs(made[1, :, :18].astype(int) - wall[:, :18]).max() <= 1


def test_an_edit_keeps_the_detail_of_what_it_leaves():
    """The codec loses all detail of a wall, of which an edit paints the right half dark."""
    wall = textured()
    decoded = np.full((2, *wall.shape), 120, np.uint8)
    frames = decoded.copy()
    frames[:, :, 24:] = 10
    made = with_detail(frames.copy(), decoded, Canvas(np.stack([wall] * 2), ceilings(0.1, 0.1), FPS, CUES))
    assert np.abs(made[:, :, :16].astype(int) - wall[:, :16]).max() <= 1
    assert np.abs(made[:, :, 32:].astype(int) - 10).max() <= 2


def test_the_more_may_change_the_nearer_must_be_what_keeps_its_detail():
    wall = textured(side=48)
    decoded = np.full((2, 48, 48, 3), 120, np.uint8)
    frames = decoded + np.uint8(20)
    made = with_detail(frames.copy(), decoded, Canvas(np.stack([wall] * 2), ceilings(0.1, 0.8), FPS, CUES)).astype(float)
    little, much = (float(frame.std() / wall.std()) for frame in made)
    assert little > 0.7 and much < 0.1


def test_between_two_neighbours_the_nearer_weighs_more():
    before, after = textured(1), textured(2)
    frames = np.full((5, *before.shape), 120, np.uint8)
    pixels = np.stack([before, before, before, after, after])
    made = with_given(frames, Canvas(pixels, ceilings(0, 1, 1, 1, 0), FPS, CUES)).astype(float)

    def share(frame, picture):
        return np.corrcoef(frame.ravel(), picture.ravel())[0, 1]

    assert share(made[1], before) > share(made[2], before) > share(made[3], before)
    assert share(made[3], after) > share(made[3], before)


def test_what_is_drawn_anew_a_little_otherwise_sets_in_softly():
    """A wall that the model makes lighter than it was given: at once by three quarters; and back in two steps."""
    pixels = np.full((6, 32, 32, 3), 100, np.uint8)
    frames = pixels.copy()
    frames[1:-1] = 110
    made = with_given(frames, Canvas(pixels, ceilings(0, 1, 1, 1, 1, 0), FPS, CUES)).astype(float)
    assert np.allclose(made[:, 16, 16, 0], [100, 108, 110, 108.5, 106, 100], atol=0.6)


def test_what_leads_up_to_a_given_frame_may_differ_by_more():
    """The same wall, far lighter than it was given: after the given frame that is another thing, before it the same one."""
    pixels = np.full((3, 32, 32, 3), 100, np.uint8)
    frames = np.full_like(pixels, 160)
    frames[0] = frames[2] = 100
    after = with_given(frames[:2].copy(), Canvas(pixels[:2], ceilings(0, 1), FPS, CUES))[1, 16, 16, 0]
    before = with_given(frames[1:].copy(), Canvas(pixels[1:], ceilings(1, 0), FPS, CUES))[0, 16, 16, 0]
    assert 150 < after < 160
    assert 130 < before < after - 10


def test_what_is_elsewhere_by_then_leaves_no_ghost():
    frames = np.full((2, 32, 64, 3), 200, np.uint8)
    pixels = frames.copy()
    pixels[0, :, :16] = frames[0, :, :16] = 20  # something dark, on the left
    frames[1, :, 48:] = 20  # on the right
    made = with_given(frames.copy(), Canvas(pixels, ceilings(0, 1), FPS, CUES)).astype(int)
    assert np.abs(made[1] - frames[1]).max() <= 10


def test_nothing_dissolves_across_a_cut():
    wall = textured()
    pixels = np.stack([wall] * 3)
    frames = np.full_like(pixels, 120)
    canvas = Canvas(pixels, ceilings(0, 1, 1), FPS, (Cue(0.0, "a dog"), Cue(0.2, "a cat")), cuts=(2,))
    made = with_given(frames.copy(), canvas)
    assert np.array_equal(made[2], frames[2])
    assert not np.array_equal(made[1], frames[1])


def test_nothing_given_changes_nothing():
    frames = np.stack([textured(3)] * 2)
    assert np.array_equal(with_given(frames.copy(), Canvas(np.zeros_like(frames), ceilings(1, 1), FPS, CUES)), frames)
