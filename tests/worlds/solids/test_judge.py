import numpy as np
import pytest
import torch

from worldreel.checkpoints import save_tensors
from worldreel.errors import UserError
from worldreel.worlds.render import to_frames
from worldreel.worlds.scenes import Canvas
from worldreel.worlds.solids import measure
from worldreel.worlds.solids.drawing import Mix, random_scene
from worldreel.worlds.solids.eye import PATCH, Eye, degrade, draw_patches, train
from worldreel.worlds.solids.judge import Judge
from worldreel.worlds.solids.kinds import SHAPES
from worldreel.worlds.solids.render import render

SQUARE = Canvas(96, 96, 7)


@pytest.fixture(scope="module")
def judge():
    return Judge()


def draw(scene):
    return to_frames(render([scene], rays=2)[0][0])


@pytest.mark.parametrize("alone", [1.0, 0.0], ids=["one", "several"])
def test_scenes_are_read_rightly_as_they_are_and_degraded(judge, alone):
    marks = []
    for seed in range(10):
        scene = random_scene((51, seed), SQUARE, withheld_pairs=seed % 2 == 0, mix=Mix(alone=alone))
        frames = draw(scene)
        marks += [measure.score(judge.see(seen), scene) for seen in (frames, degrade(frames, 0.6, 5.0, seed))]
    for name in marks[0]:
        assert np.mean([mark[name] for mark in marks]) >= 0.9, name


@pytest.mark.parametrize("canvas", [Canvas(64, 64, 9), Canvas(160, 96, 5), Canvas(72, 128, 9), Canvas(128, 128, 1)], ids=str)
def test_other_shapes_and_lengths(judge, canvas):
    marks = [measure.score(judge.see(draw(scene)), scene) for scene in (random_scene((52, n), canvas) for n in range(5))]
    for name in ("accepted", "count", "colour", "floor"):
        assert all(mark[name] for mark in marks), name
    assert sum(mark["camera"] and mark["direction"] and mark["shape"] for mark in marks) >= 4


def test_a_clip_backwards_goes_the_other_way(judge):
    drawn = (random_scene((53, seed), SQUARE, mix=Mix(alone=1.0, rest=0.0, still_camera=0.0)) for seed in range(100))
    opposite = {"left": "right", "right": "left", "towards": "away", "away": "towards", "in": "out", "out": "in"}
    for scene, _ in zip(drawn, range(6), strict=False):
        seen = judge.see(draw(scene)[::-1])
        kind, way = scene.camera.move.split()
        assert seen.camera == f"{kind} {opposite[way]}"
        assert seen.solids[0].direction == opposite[scene.solids[0].direction]


@pytest.mark.parametrize("kind", ["blank", "noise", "spliced", "vanishing"])
def test_what_is_no_scene_is_refused(judge, kind):
    for number in range(4):
        verdict = judge.see(getattr(measure, kind)(number, SQUARE))
        assert verdict.refused
        assert verdict.count == 0


def test_patches_and_training_depend_on_the_seed_alone():
    (patches, shapes), (again, _) = (map(torch.cat, zip(*draw_patches(0, 3), strict=True)) for _ in range(2))
    assert patches.shape == (len(shapes), 3, PATCH, PATCH)
    assert torch.equal(patches, again)
    assert int(shapes.min()) >= 0 and int(shapes.max()) < len(SHAPES)
    one, same = (train(1, scenes=12, passes=1).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], same[name]) for name in one)


def test_foreign_or_missing_weights_are_one_line(tmp_path, monkeypatch):
    foreign = tmp_path / "foreign.safetensors"
    save_tensors(foreign, {"weight": torch.zeros(2)})
    with pytest.raises(UserError, match="another model"):
        Eye.load(foreign)
    monkeypatch.setenv("WORLDREEL_ASSETS", str(tmp_path))
    with pytest.raises(UserError, match=r"solids\.safetensors"):
        Eye.load()
