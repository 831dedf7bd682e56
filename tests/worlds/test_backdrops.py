import numpy as np
import pytest
import torch

from worldreel.worlds.backdrops import PLACES, draw
from worldreel.worlds.captions import long_caption, short_caption
from worldreel.worlds.render import render
from worldreel.worlds.scenes import Canvas, random_scene
from worldreel.worlds.sprites import load_sprites


def halved(picture):
    return picture.reshape(len(picture) // 2, 2, -1, 2, 3).mean((1, 3))


@pytest.mark.parametrize("place", PLACES)
def test_a_place_is_the_same_at_every_size_and_different_by_its_seed(place):
    small, large = draw(place, 64, 96, 1), draw(place, 128, 192, 1)
    assert small.shape == (64, 96, 3) and small.dtype == np.float32
    assert 0 <= small.min() < small.max() <= 1
    assert np.sqrt(((halved(large) - small) ** 2).mean()) < 0.06  # edges fall elsewhere by a part of a pixel
    assert np.array_equal(draw(place, 64, 96, 1), small)
    assert not np.array_equal(draw(place, 64, 96, 2), small)


def test_places_differ_from_one_another():
    pictures = [draw(place, 48, 48, 3) for place in PLACES]
    distances = [np.abs(one - other).mean() for number, one in enumerate(pictures) for other in pictures[:number]]
    assert min(distances) > 0.04


def test_a_moon_is_as_large_and_as_round_in_a_tall_picture():
    areas, spreads = [], []
    for height in (96, 192):
        rows, columns = np.nonzero(draw("night", height, 96, 1).min(axis=2) > 0.7)
        moon = (abs(rows - np.median(rows)) < 14) & (abs(columns - np.median(columns)) < 14)  # and not the stars
        areas.append(moon.sum())
        spreads.append(rows[moon].std() / columns[moon].std())
    assert areas[0] > 100 and areas[1] == pytest.approx(areas[0], rel=0.1)
    assert spreads == pytest.approx([1, 1], abs=0.1)


def test_scenes_in_places_are_drawn_captioned_and_stand_still():
    canvas = Canvas(96, 64, 5)
    scenes = [random_scene((1, seed), canvas, pictured=1.0) for seed in range(12)]
    assert {scene.background.names[0] for scene in scenes} <= PLACES.keys()
    video, cover = render(scenes, load_sprites())
    free = (cover.amax(2, keepdim=True) == 0).expand_as(video[:, :, :1])
    assert torch.allclose(video[:, :, :1][free], video[:, :, -1:][free], atol=0.02)
    for scene in scenes:
        where = PLACES[scene.background.names[0]]
        assert short_caption(scene).endswith(where) and where in long_caption(scene)


def test_without_places_scenes_are_as_they_were():
    canvas = Canvas(64, 64, 3)
    assert all(random_scene((2, seed), canvas).background.picture is None for seed in range(50))
