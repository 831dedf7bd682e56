from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from worldreel.worlds.scenes import DEEDS, Canvas, random_scene, with_subjects
from worldreel.worlds.subjects import BY_NAME, COLOURS, DIRECTIONS, POSITIONS, SUBJECTS, withheld

CANVASES = [Canvas(128, 128, 25), Canvas(256, 96, 9), Canvas(64, 112, 13, Fraction(24)), Canvas(96, 160, 1), Canvas(640, 64, 2)]


def pairs(scene):
    return [(actor.subject.name, word) for actor in scene.actors for word in (actor.direction, *scene.background.names) if word]


def test_a_seed_gives_one_scene():
    assert random_scene((3, 4), CANVASES[0]) == random_scene((3, 4), CANVASES[0])
    assert len({random_scene((3, seed), CANVASES[0]) for seed in range(50)}) == 50


def test_training_never_shows_a_withheld_pair_and_a_withheld_scene_always_does():
    for seed in range(400):
        canvas = CANVASES[seed % len(CANVASES)]
        taught = random_scene((seed,), canvas, alone=0.5)
        assert not taught.is_withheld
        assert not any(withheld(*pair) for pair in pairs(taught))
        assert any(withheld(*pair) for pair in pairs(random_scene((seed,), canvas, withheld_pairs=True, alone=0.5)))


def test_about_a_sixth_of_the_pairs_is_withheld_and_every_subject_and_word_is_still_taught():
    words = [*DIRECTIONS, *COLOURS]
    table = np.array([[withheld(subject.name, word) for word in words] for subject in SUBJECTS])
    assert 0.1 < table.mean() < 0.25
    assert not table.all(0).any()
    assert not table.all(1).any()


@pytest.mark.parametrize("canvas", CANVASES, ids=str)
def test_actors_stay_wholly_in_view(canvas):
    for seed in range(100):
        scene = random_scene((seed,), canvas, alone=0.5)
        for actor in scene.actors:
            centres, half = scene.centres(actor), scene.side(actor) / 2
            assert centres.shape == (canvas.frames, 2)
            assert (centres >= half).all()
            assert (centres + half <= (canvas.width, canvas.height)).all()


@pytest.mark.parametrize("canvas", CANVASES, ids=str)
def test_an_actor_goes_where_its_direction_says_or_stands_at_its_place(canvas):
    for seed in range(100):
        for actor in random_scene((seed,), canvas, alone=0.5).actors:
            moved = np.subtract(actor.end, actor.start)
            if actor.direction is None:
                assert (moved == 0).all()
            else:
                assert canvas.frames > 1
                assert (np.sign(moved) == DIRECTIONS[actor.direction]).all()
            if actor.position is not None:
                x = (actor.start[0] + actor.end[0]) / 2
                assert min(POSITIONS, key=lambda name: abs(POSITIONS[name] - x)) == actor.position
            else:
                assert actor.direction is not None


def test_only_sprites_that_face_left_are_mirrored_and_only_to_the_right():
    scene = next(scene for scene in map(moving_right, range(1000)) if scene)
    assert with_subjects(scene, BY_NAME["dog"]).actors[0].mirrored
    assert not with_subjects(scene, BY_NAME["ghost"]).actors[0].mirrored


def moving_right(seed):
    scene = random_scene((seed,), CANVASES[0], alone=1)
    return scene if scene.actors[0].direction == "right" else None


def test_who_goes_back_slows_down_and_sets_out_anew():
    """Before the turn a clip's last frames are seen, after it its first ones, and no step between them is a jump."""
    canvas = Canvas(128, 128, 30)
    for seed in range(40):
        scene = random_scene((17, seed), canvas, alone=1, lively=0.5)
        back = replace(scene, back=(8, 21))
        for of in (lambda one, actor: one.centres(actor), lambda one, actor: one.sides(actor)):
            (actor,) = scene.actors
            forth, there = of(scene, actor), of(back, actor)
            assert there.shape == forth.shape
            assert there[:9] == pytest.approx(forth[-9:])
            assert there[21:] == pytest.approx(forth[:9])
            pace = abs(np.diff(forth, axis=0)).max()
            assert abs(np.diff(there[8:22], axis=0)[[0, -1]]).max() <= pace + 1e-9
            low, high = np.minimum(forth[0], forth[-1]), np.maximum(forth[0], forth[-1])
            assert (there >= low - 1e-9).all() and (there <= high + 1e-9).all()


def lively_actors(canvas=CANVASES[0], count=300):
    scenes = [random_scene((13, seed), canvas, alone=1, lively=1.0) for seed in range(count)]
    return [(scene, scene.actors[0]) for scene in scenes]


def test_lively_actors_do_every_deed_and_others_do_none():
    assert {actor.deed for _, actor in lively_actors()} == set(DEEDS)
    assert all(actor.deed is None for seed in range(200) for actor in random_scene((13, seed), CANVASES[0]).actors)
    assert all(actor.deed is None for _, actor in lively_actors(CANVASES[3], 50))


@pytest.mark.parametrize("canvas", [CANVASES[0], CANVASES[1]], ids=str)
def test_deeds_are_what_their_names_say(canvas):
    for scene, actor in lively_actors(canvas):
        sides, centres = scene.sides(actor), scene.centres(actor)
        half = sides[:, None] / 2
        out = ((centres + half < 0) | (centres - half > (canvas.width, canvas.height))).any(1)
        assert sides.max() == pytest.approx(scene.side(actor))
        match actor.deed:
            case "grows":
                assert sides[-1] > 1.5 * sides[0] and not out.any()
            case "shrinks":
                assert sides[0] > 1.5 * sides[-1] and not out.any()
            case "turns":
                corner = sides[:, None] / 2 * (abs(np.sin(scene.angles(actor))) + abs(np.cos(scene.angles(actor))))[:, None]
                assert abs(scene.angles(actor)[-1]) >= np.pi
                assert (centres >= corner - 1e-6).all() and (
                    centres + corner <= (canvas.width + 1e-6, canvas.height + 1e-6)
                ).all()
            case "enters":
                assert out[0] and not out[-1]
            case "leaves":
                assert out[-1] and not out[0]
        if actor.deed in ("enters", "leaves"):
            assert (np.sign(np.subtract(actor.end, actor.start)) == DIRECTIONS[actor.direction]).all()


def test_the_mix_of_scenes():
    scenes = [random_scene((7, seed), CANVASES[0]) for seed in range(600)]
    counts = np.bincount([len(scene.actors) for scene in scenes], minlength=4) / len(scenes)
    # Scenes of several actors hold a withheld pair more often, and so are drawn again more often.
    assert 0.7 < counts[1] < 0.9
    assert counts[2] > counts[3] > 0.02
    assert {scene.actors[0].subject.name for scene in scenes} == set(BY_NAME)
    assert {name for scene in scenes for name in scene.background.names} == set(COLOURS)
    assert all(len(set(scene.actors)) == len(scene.actors) for scene in scenes)
