from dataclasses import replace
from fractions import Fraction
from itertools import combinations, islice

import numpy as np
import pytest

from worldreel.worlds.scenes import Canvas
from worldreel.worlds.solids.drawing import BOUNCE, GAP, STRUCK, Mix, after_collision, fits, random_scene
from worldreel.worlds.solids.kinds import COLOURS, DIRECTIONS, EVENTS, MOVES, SHAPES
from worldreel.worlds.solids.scenes import Solid
from worldreel.worlds.subjects import withheld

VIDEO = Canvas(128, 128, 25)
CANVASES = [
    VIDEO,
    Canvas(256, 96, 9),
    Canvas(64, 112, 13, Fraction(24)),
    Canvas(96, 160, 1),
    Canvas(320, 64, 2),
    Canvas(64, 64, 60),
]
MOMENTS = np.linspace(0, 1, 201)


def scenes(canvas, count, **options):
    return [random_scene((31, seed), canvas, **options) for seed in range(count)]


def busy(event, count):
    """Scenes of several solids in which this happens."""
    drawn = (random_scene((32, seed), VIDEO, mix=Mix(alone=0.0, rest=0.0)) for seed in range(1000))
    return list(islice((scene for scene in drawn if scene.event == event), count))


def ball(way, travel, size=0.5, shape="sphere"):
    x, z = DIRECTIONS[way]
    path = ((0.0, 0.0, 0.0), (1.0, x * travel, z * travel))
    return Solid(SHAPES[shape], "red", (200, 40, 40), "large", size, 0.3, path, way, lying=SHAPES[shape].lies)


def test_a_seed_gives_one_scene():
    assert random_scene((3, 4), VIDEO) == random_scene((3, 4), VIDEO)
    assert len({repr(scene) for scene in scenes(VIDEO, 30)}) == 30


def test_training_never_shows_a_withheld_pair_and_a_withheld_scene_always_does():
    for seed in range(60):
        for wanted in (False, True):
            scene = random_scene((seed,), CANVASES[seed % len(CANVASES)], withheld_pairs=wanted)
            words = [(solid.shape.name, word) for solid in scene.solids for word in (solid.colour, solid.direction) if word]
            assert any(withheld(*pair) for pair in words) == wanted == scene.is_withheld


def test_some_pairs_are_withheld_and_every_shape_and_word_is_still_taught():
    words = [*COLOURS, *DIRECTIONS]
    table = np.array([[withheld(shape, word) for word in words] for shape in SHAPES])
    assert 0.08 < table.mean() < 0.3
    assert not table.all(0).any()
    assert not table[:, : len(COLOURS)].all(1).any()
    assert not table[:, len(COLOURS) :].all(1).any()


@pytest.mark.parametrize("canvas", CANVASES, ids=str)
def test_no_two_solids_touch_unasked_and_no_two_have_one_colour(canvas):
    for scene in scenes(canvas, 20, mix=Mix(alone=0.2)):
        assert fits(scene)
        assert len({solid.colour for solid in scene.solids}) == len(scene.solids)
        for one, other in combinations(scene.solids, 2):
            if scene.event == "collide" and other is scene.solids[1]:
                continue
            apart = np.linalg.norm((one.places(MOMENTS) - other.places(MOMENTS))[:, [0, 2]], axis=1)
            assert apart.min() > one.reach + other.reach + GAP / 2


@pytest.mark.parametrize("canvas", CANVASES, ids=str)
def test_a_solid_goes_where_its_direction_says_or_stands(canvas):
    for scene in scenes(canvas, 20):
        assert canvas.frames > 1 or scene.event == "rest"
        for solid in scene.solids:
            moved = np.diff(np.array(solid.path)[:, 1:], axis=0)
            moving = moved[np.abs(moved).max(1) > 0]
            if solid.direction is None:
                assert len(moving) == 0
            else:
                assert (np.sign(moving[0]) == DIRECTIONS[solid.direction]).all()
            assert np.allclose(solid.places(MOMENTS)[:, 1], solid.rest)


@pytest.mark.parametrize("way", DIRECTIONS)
@pytest.mark.parametrize("shape", ["sphere", "cylinder"])
def test_what_rolls_does_not_slip(way, shape):
    solid = ball(way, 1.7, shape=shape)
    radius = solid.size * (0.75 if shape == "cylinder" else 1)
    assert solid.rolled(MOMENTS) == pytest.approx(1.7 * MOMENTS / radius)
    assert np.allclose(solid.turns(MOMENTS) @ solid.turns(MOMENTS).transpose(0, 2, 1), np.eye(3))
    # The piece of it that touches the floor is at rest there, and the piece on top is twice as fast as the centre.
    step = np.array([0.5, 0.5 + 1e-5])
    before, after = solid.turns(step)
    for height, speed in ((-radius, 0), (radius, 2)):
        piece = before.T @ np.array([0, height, 0])
        places = solid.places(step) + np.stack([before @ piece, after @ piece])
        forward = (places[1] - places[0]) @ np.array([DIRECTIONS[way][0], 0, DIRECTIONS[way][1]])
        assert forward == pytest.approx(speed * 1.7e-5, abs=1e-9)


def test_a_lying_cylinder_keeps_its_axis_across_its_path():
    axis = ball("away", 2.0, shape="cylinder").turns(MOMENTS) @ np.array([0, 1.0, 0])
    assert np.allclose(np.abs(axis), [1, 0, 0])


def test_what_slides_does_not_turn():
    solid = replace(ball("left", 2.0, shape="cube"), lying=False)
    assert np.allclose(solid.turns(MOMENTS), solid.turns(MOMENTS)[0])


def test_a_collision_keeps_momentum_and_loses_speed_as_the_bounce_says():
    for scene in busy("collide", 6):
        striker, struck = scene.solids[:2]
        (start, x0, _), (met, x1, _), (end, x2, _) = striker.path
        speed, on = (x1 - x0) / (met - start), (x2 - x1) / (end - met)
        away = (struck.path[2][1] - struck.path[1][1]) / (end - met)
        assert struck.path[0][1] == struck.path[1][1]
        assert striker.mass * speed == pytest.approx(striker.mass * on + struck.mass * away)
        assert away - on == pytest.approx(BOUNCE * speed)
        assert abs(struck.path[2][1] - struck.path[0][1]) >= STRUCK
        assert scene.bounces == (on * speed < 0)


def test_round_solids_touch_when_they_meet_and_never_overlap():
    for scene in busy("collide", 6):
        striker, struck = scene.solids[:2]
        radii = striker.rest + struck.rest
        apart = np.linalg.norm(striker.places(MOMENTS) - struck.places(MOMENTS), axis=1)
        met = np.array([striker.path[1][0]])
        assert np.linalg.norm(striker.places(met) - struck.places(met)) == pytest.approx(radii)
        assert apart.min() >= radii - 1e-9


def test_equal_masses_swap_their_speeds_but_for_the_bounce():
    on, away = after_collision(2.0, 2.0, 1.0)
    assert (on, away) == pytest.approx(((1 - BOUNCE) / 2, (1 + BOUNCE) / 2))
    assert after_collision(0.1, 10.0, 1.0)[0] < 0


def test_what_passes_goes_behind_from_side_to_side():
    for scene in busy("pass", 5):
        behind, front = scene.solids[:2]
        places, place = behind.places(MOMENTS), front.places(MOMENTS)[0]
        assert (places[:, 2] > place[2]).all()
        assert np.ptp(np.sign(places[:, 0] - place[0])) == 2


def test_the_mix_of_scenes():
    drawn = scenes(VIDEO, 160)
    counts = np.bincount([len(scene.solids) for scene in drawn], minlength=4) / len(drawn)
    assert counts[1] > counts[2] > counts[3] > 0.02
    assert {scene.event for scene in drawn} == set(EVENTS)
    assert {scene.camera.move for scene in drawn} == set(MOVES)
    assert {solid.shape.name for scene in drawn for solid in scene.solids} == set(SHAPES)
    assert {solid.colour for scene in drawn for solid in scene.solids} == set(COLOURS)
    assert {solid.direction for scene in drawn for solid in scene.solids} == {None, *DIRECTIONS}
