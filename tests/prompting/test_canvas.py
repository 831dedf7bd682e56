from fractions import Fraction

import numpy as np
import pytest

from worldreel.prompting import Canvas, Cue
from worldreel.prompting.canvas import blank, unknown

FPS = Fraction(12)
CUES = (Cue(0.0, "a dog"),)


def of(levels, cuts=()):
    """A canvas of so many frames, each of one ceiling."""
    ceilings = np.array(levels, np.float32)[:, None, None]
    return Canvas(blank(len(levels), 4, 6), ceilings, FPS, CUES, cuts)


@pytest.mark.parametrize(
    ("levels", "starts"),
    [
        ([1, 1, 1], [0]),
        ([0, 1, 1], [0]),  # animate, extend forward
        ([1, 1, 0, 0], [0, 2]),  # extend backward
        ([0, 1, 1, 0], [0, 3]),  # loop, connect, fill
        ([0, 1, 0, 1, 0], [0, 2, 4]),
        ([0.6, 0.6, 0.6], [0]),  # edit
        ([0.8, 0.5, 0.2], [0]),  # all is known, more and more of it
        ([0, 0.5, 1, 0.5, 0], [0, 3]),  # blend
    ],
)
def test_what_is_known_after_something_unknown_begins_a_run(levels, starts):
    runs = of(levels).runs()
    assert [run.start for run in runs] == starts
    assert [run.stop for run in runs] == [*starts[1:], len(levels)]


def test_a_cut_begins_a_run():
    assert [tuple(run) for run in of([1, 1, 1, 1], cuts=(1, 3)).runs()] == [(0, 1), (1, 3), (3, 4)]


def test_a_region_that_stays_unknown_is_one_run():
    ceilings = np.zeros((5, 4, 6), np.float32)
    ceilings[:, :, 3:] = 1
    assert len(Canvas(blank(5, 4, 6), ceilings, FPS, CUES).runs()) == 1
    ceilings[3:] = 0  # the region is known from here on
    assert [run.start for run in Canvas(blank(5, 4, 6), ceilings, FPS, CUES).runs()] == [0, 3]


def test_a_cue_holds_until_the_next():
    canvas = Canvas(blank(4, 2, 2), unknown(4), FPS, (Cue(0.0, "a"), Cue(0.25, "b"), Cue(1.0, "c")))
    assert [canvas.cue_at(seconds) for seconds in (0, 0.2, 0.25, 0.9, 1.0, 9.0)] == [0, 0, 1, 1, 2, 2]


def test_what_is_given():
    given = of([0, 0.5, 1]).given
    assert given.tolist() == [[[True]], [[False]], [[False]]]


@pytest.mark.parametrize(
    ("levels", "kind"),
    [
        ([1, 1, 1], "text"),
        ([1], "text"),
        ([0, 1, 1], "first frame"),
        ([0, 0, 1], "prefix"),
        ([1, 0, 0], "suffix"),
        ([0, 1, 0], "both ends"),
        ([1, 0, 1], "middle"),
        ([0, 1, 0, 1], "frames"),
        ([0.6, 0.6], "draft"),
        ([0, 0.4, 1], "draft"),
        ([0, 0], "given"),
    ],
)
def test_kinds_by_what_is_known(levels, kind):
    assert of(levels).kind == kind


def test_kinds_of_regions_and_storyboards():
    region = np.zeros((2, 4, 6), np.float32)
    region[:, 1, 1] = 1
    assert Canvas(blank(2, 4, 6), region, FPS, CUES).kind == "region"
    assert Canvas(blank(4, 2, 2), unknown(4), FPS, (Cue(0.0, "a"), Cue(0.25, "b"))).kind == "storyboard"
    assert Canvas(blank(4, 2, 2), unknown(4), FPS, CUES, (2,)).kind == "storyboard"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"pixels": np.zeros((3, 4, 6, 3), np.float32)}, "uint8"),
        ({"pixels": np.zeros((0, 4, 6, 3), np.uint8)}, "uint8"),
        ({"ceilings": np.ones((2, 1, 1), np.float32)}, "do not fit"),
        ({"ceilings": np.full((3, 1, 1), 1.5, np.float32)}, r"in \[0, 1\]"),
        ({"ceilings": np.full((3, 1, 1), np.nan, np.float32)}, r"in \[0, 1\]"),
        ({"cues": ()}, "begin at 0"),
        ({"cues": (Cue(0.5, "a"),)}, "begin at 0"),
        ({"cues": (Cue(0.0, "a"), Cue(0.0, "b"))}, "follow one another"),
        ({"cuts": (3,)}, "inside of 3 frames"),
        ({"cuts": (2, 1)}, "must rise"),
    ],
)
def test_values_that_do_not_fit_together(changes, says):
    values = {"pixels": blank(3, 4, 6), "ceilings": unknown(3), "fps": FPS, "cues": CUES, **changes}
    with pytest.raises(ValueError, match=says):
        Canvas(**values)
