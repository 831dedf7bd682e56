"""Bodies that go along known paths, in frames that show them well, badly, or not at all."""

import numpy as np
import pytest
import torch

from tests.generation.test_carrying import BODY, badly, moving
from worldreel.generation.bodies import Scene
from worldreel.generation.following import followed


def scenes(clip):
    return [Scene.of(torch.from_numpy(frame.transpose(2, 0, 1).astype(np.float32))) for frame in clip]


def steps(places):
    return np.diff(np.array(places), axis=0)


@pytest.mark.parametrize("speed", [(0, 0), (0, 2), (2, -1), (-1, -2)])
@pytest.mark.parametrize("drawn", [lambda clip: clip, badly])
def test_a_body_is_where_it_is(speed, drawn):
    first, *made = scenes(drawn(moving(10, speed, start=(24, 24))))
    (body,) = first.bodies()
    places, surely = followed(body, [], made, [])
    top, left = body.place
    assert places == [(top + speed[0] * number, left + speed[1] * number) for number in range(1, 10)]
    assert min(surely) > 0.9


def test_who_turns_back_is_followed():
    there = moving(10, (0, 2))
    first, *made = scenes(badly(np.concatenate([there, there[-2::-1]])))
    (body,) = first.bodies()
    places, _ = followed(body, [], made, [])
    assert max(column for _, column in places) == pytest.approx(18, abs=5)  # corners are rounded
    assert places[-1] == body.place


def test_who_is_gone_is_no_longer_there():
    clip = moving(30, (0, 0))
    clip[12:] = 90
    first, *made = scenes(clip)
    (body,) = first.bodies()
    _, surely = followed(body, [], made, [])
    assert surely[0] == 1
    assert surely[-1] == 0
    assert np.all(np.diff(surely) <= 0)


def test_who_was_seen_on_the_way_may_be_drawn_faintly():
    """From one picture alone it would be gone. Where nothing is drawn it is, after all."""
    clip = moving(30, (0, 1))
    faint = (90 + 0.4 * (clip.astype(float) - 90)).astype(np.uint8)
    *earlier, first = scenes(clip[:6])
    (body,) = first.bodies()
    for before, there in (earlier[::-1], 1), ([], 0):
        _, surely = followed(body, before, scenes(faint[6:]), [])
        assert surely[-1] == pytest.approx(there, abs=0.01)
    _, surely = followed(body, earlier[::-1], scenes(np.full_like(faint[6:], 90)), [])
    assert surely[-1] == 0


def test_what_is_missing_for_a_moment_was_there():
    clip = moving(12, (0, 1))
    clip[5:8] = 90
    first, *made = scenes(clip)
    (body,) = first.bodies()
    places, surely = followed(body, [], made, [])
    assert min(surely) > 0.99
    assert (steps(places) == (0, 1)).all()


def test_between_given_ends_it_keeps_the_speeds_that_it_has_there():
    """A way back: to the right before, to the right after, to the left in between; nothing of it was made."""
    before, after = moving(5, (0, 2), start=(4, 30)), moving(5, (0, 2), start=(4, 4))
    empty = np.full_like(before[:1].repeat(16, axis=0), 90)
    *earlier, first = scenes(before)
    (body,) = first.bodies()
    places, surely = followed(body, earlier[::-1], scenes(empty), scenes(after))
    ahead = steps([body.place, *places])[:, 1]
    assert surely == [1] * 16
    assert ahead[0] >= 0
    assert ahead.min() < -3
    end = 4 - 38 + body.place[1]  # moved by as much as the body itself
    assert places[-1][1] == pytest.approx(end, abs=2)
    assert abs(np.diff(ahead)).max() <= 2


def test_another_body_is_no_end():
    clip = moving(8, (0, 0))
    other = np.full_like(clip[:1], 90)
    other[:, 40 : 40 + BODY, 40 : 40 + BODY] = 255, 200, 0
    first, *made = scenes(clip)
    (body,) = first.bodies()
    places, _ = followed(body, [], made, scenes(other))
    assert places == [body.place] * 7


def test_what_comes_next_is_known_from_how_fast_it_went():
    """It is drawn three pixels behind where it should be; it goes on as fast as it went, and is there later."""
    given, behind = moving(5, (0, 2)), moving(24, (0, 1), start=(4, 12 + 2 - 3))
    *earlier, first = scenes(given)
    (body,) = first.bodies()
    places, _ = followed(body, earlier[::-1], scenes(behind), [])
    ahead = steps([body.place, *places])[:, 1]
    assert ahead[0] == 2
    assert ahead.min() >= 0
    assert places[-1][1] - body.place[1] == pytest.approx(12 - 1 + 23 - 12, abs=1)
