"""A body whose look comes again, or never does."""

import pytest
import torch

from worldreel.generation.bodies import Scene
from worldreel.generation.looks import Look, going_on, looks

SIDE = 64


def scene(height, top=20, left=10, others=()):
    """A white body with a black stripe at a height, 16 pixels wide, on grey."""
    frame = torch.full((3, SIDE, SIDE), 90.0)
    frame[:, top : top + 16, left : left + 16] = 250
    frame[:, top + height : top + height + 3, left : left + 16] = 0
    for row, column in others:
        frame[:, row : row + 12, column : column + 12] = 250
    return Scene.of(frame)


def seen(heights, step=0, others=()):
    """Looks of a body that went right by `step`, the nearest first."""
    scenes = [scene(height, left=30 - step * back, others=others) for back, height in enumerate(heights)]
    body = next(one for one in scenes[0].bodies() if float(one.front.max()) > 200)
    return looks(body, scenes[1:])


def test_it_is_seen_in_earlier_frames_wherever_it_was():
    found = seen([1, 3, 5, 7], step=3)
    assert len(found) == 4 and all(look.shift == (0, 0) for look in found)
    assert not torch.equal(found[0].body.front, found[3].body.front)


def test_where_nobody_or_somebody_else_is_it_was_not_seen():
    assert len(seen([1, 3, 5], others=[(22, 2)])) == 3
    scenes = [scene(1), scene(3), scene(5, top=44), scene(7)]
    body = next(scenes[0].bodies())
    assert len(looks(body, scenes[1:])) == 2
    pale = scenes[1].frame * 0.2 + 72
    assert len(looks(body, [Scene.of(pale)])) == 1


@pytest.mark.parametrize("step", [0, 2])
def test_what_comes_again_goes_on(step):
    """Six looks in a circle, of which nine are seen: next is the one that came after this one last time."""
    circle = [1, 3, 5, 7, 9, 11]
    found = seen([circle[-back % 6] for back in range(9)], step)
    assert going_on(found, 8) == [5, 4, 3, 2, 1, 0, 5, 4]
    assert [circle[-look % 6] for look in going_on(found, 6)] == [3, 5, 7, 9, 11, 1]


def test_what_never_does_runs_to_and_fro():
    found = seen([1, 3, 5, 7, 9, 11])
    assert going_on(found, 12) == [1, 2, 3, 4, 5, 4, 3, 2, 1, 0, 1, 2]


def test_of_few_looks_the_last_one_stays():
    assert going_on(seen([1, 3, 5, 7, 9]), 3) == going_on(seen([1]), 3) == [0, 0, 0]


def test_looks_of_other_sizes_can_be_told_apart():
    found = seen([1, 3, 5, 7, 9, 11])
    wider = found[1].body._replace(hidden=torch.zeros(3, 40), front=torch.zeros(3, 3, 40))
    assert len(going_on([found[0], Look(wider, (-9, 5)), *found[2:]], 9)) == 9
