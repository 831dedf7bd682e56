import numpy as np
import pytest
import torch
import torch.nn.functional as F

from worldreel.worlds.render import render, to_frames
from worldreel.worlds.scenes import Canvas, random_scene
from worldreel.worlds.sprites import load_sprites
from worldreel.worlds.style_judge import read_style
from worldreel.worlds.styles import STYLES, styled

STYLES_AND_NONE = (None, *STYLES)


@pytest.fixture(scope="module")
def scenes():
    """Videos [60, 3, 2, 128, 128] of one to three actors; some in places."""
    sprites, canvas = load_sprites(), Canvas(128, 128, 2)
    drawn = [random_scene((31, seed), canvas, lively=0.2, pictured=0.15) for seed in range(60)]
    return torch.cat([render(drawn[start : start + 20], sprites)[0] for start in range(0, 60, 20)])


def read_right(videos, style):
    return np.mean([read_style(to_frames(video)) == style for video in videos])


@pytest.mark.parametrize("style", STYLES_AND_NONE)
def test_a_style_is_read(scenes, style):
    assert read_right(styled(scenes, [style] * 60), style) >= 0.97


@pytest.mark.parametrize("style", STYLES_AND_NONE)
def test_a_style_is_read_where_it_is_blurred_and_noisy(scenes, style):
    videos = styled(scenes[:20], [style] * 20)
    soft = F.avg_pool2d(videos.flatten(0, 1), 3, 1, 1, count_include_pad=False).view_as(videos)
    noise = torch.randn(videos.shape, generator=torch.Generator().manual_seed(1)) * 3 / 127.5
    assert read_right((videos + soft) / 2 + noise, style) >= 0.9


def test_nothing_has_no_style():
    noise = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    for frames in (noise, *(np.full((2, 64, 64, 3), value, np.uint8) for value in (0, 130, 255))):
        assert read_style(frames) is None


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (16, 48), (45, 70)])
def test_any_size_is_read(size):
    videos = torch.rand(5, 3, 2, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for video in styled(videos, STYLES_AND_NONE):
        assert read_style(to_frames(video)) in STYLES_AND_NONE
