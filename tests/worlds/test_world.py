import numpy as np
import pytest
import torch

from worldreel.worlds.scenes import Canvas
from worldreel.worlds.world import Solids, SolidsMix, Sprites, SpritesMix

CPU = torch.device("cpu")
CANVAS = Canvas(48, 32, 5)


@pytest.fixture(scope="module", params=["sprites", "solids"])
def world(request):
    return Sprites(SpritesMix(), CPU) if request.param == "sprites" else Solids(SolidsMix(), CPU)


def test_a_world_draws_by_seed_and_never_a_withheld_pair(world):
    scenes = [world.draw((3, seed), CANVAS) for seed in range(40)]
    assert world.draw((3, 0), CANVAS) == scenes[0] != scenes[1]
    assert all(scene.canvas == CANVAS and not scene.is_withheld for scene in scenes)


def test_a_world_shows_and_tells(world):
    scenes = [world.draw((3, seed), CANVAS) for seed in range(3)]
    video = world.render(scenes)
    assert video.shape == (3, 3, 5, 32, 48)
    assert -1 <= float(video.min()) < float(video.max()) <= 1
    told = {world.caption(scenes[0], np.random.default_rng(seed)) for seed in range(30)}
    assert len(told) > 3


def test_what_is_not_mixed_in_is_not_drawn():
    plain = Sprites(SpritesMix(plain=1.0, alone=1.0, short=1.0), CPU)
    scenes = [plain.draw((4, seed), CANVAS) for seed in range(60)]
    assert all(len(scene.actors) == len(scene.background.names) == 1 for scene in scenes)
    lively = Sprites(SpritesMix(alone=1.0, lively=1.0, pictured=1.0), CPU)
    scenes = [lively.draw((4, seed), CANVAS) for seed in range(20)]
    assert all(scene.actors[0].deed and scene.background.picture is not None for scene in scenes)
