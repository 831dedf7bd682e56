from dataclasses import replace

import pytest

from worldreel.evaluation.catalogue import KINDS, count_failures, failures
from worldreel.evaluation.judging import Asked
from worldreel.worlds.judge import Verdict

MOVING = Asked("dog", ("red", "blue"), direction="left")
STANDING = Asked("dog", ("red",), position="left")
MOVED = Verdict(("dog",), ("left",), ("middle",), ("red", "blue"))
STOOD = Verdict(("dog",), (None,), ("left",), ("red",))


@pytest.mark.parametrize(
    ("verdict", "asked", "kinds"),
    [
        (MOVED, MOVING, set()),
        (STOOD, STANDING, set()),
        (replace(MOVED, directions=("right",)), MOVING, {"opposite"}),
        (replace(MOVED, directions=("up",)), MOVING, {"astray"}),
        (replace(MOVED, directions=(None,)), MOVING, {"frozen"}),
        (replace(STOOD, directions=("up",)), STANDING, {"restless"}),
        (replace(STOOD, positions=("right",)), STANDING, {"other_side"}),
        (replace(STOOD, positions=("middle",)), STANDING, set()),
        (replace(MOVED, background=("blue", "red")), MOVING, {"background_upside_down"}),
        (replace(MOVED, background=("red",), subjects=("cat",)), MOVING, {"background_wrong", "another_subject"}),
        (replace(MOVED, subjects=("dog", "cat"), directions=("left", None)), MOVING, {"from_nowhere"}),
        (Verdict(refused="the dog leaps", fault="leap"), MOVING, {"leaps"}),
        (Verdict(refused="the background changes", fault="background"), MOVING, {"background_uneven"}),
    ],
)
def test_each_failure_has_its_kind(verdict, asked, kinds):
    assert failures(verdict, asked) == kinds
    assert kinds <= KINDS.keys()


def test_failures_are_counted_over_all_clips():
    rates = count_failures([(MOVED, MOVING), (replace(MOVED, directions=(None,)), MOVING), (STOOD, STANDING)])
    assert rates.keys() == KINDS.keys()
    assert (rates["frozen"].value, rates["frozen"].n) == (pytest.approx(1 / 3), 3)
    assert rates["opposite"].value == 0
