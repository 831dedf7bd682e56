from typing import get_args

import pytest
import torch

from worldreel.worlds.scenes import Style
from worldreel.worlds.styles import SEPIA, STYLES, block_side, styled

STYLES_AND_NONE = (None, *STYLES)


def disc(side):
    """A dark disc on a light ground, [1, 3, 1, side, side]."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    inside = (y + 0.5 - side / 2) ** 2 + (x + 0.5 - side / 2) ** 2 < (side / 3) ** 2
    return torch.where(inside, -0.6, 0.5).expand(1, 3, 1, side, side)


def test_there_is_a_function_for_every_style():
    assert tuple(STYLES) == get_args(Style)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (16, 48), (45, 70)])
def test_styles_take_any_size_and_each_video_by_itself(size):
    videos = torch.rand(5, 3, 2, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    before = videos.clone()
    out = styled(videos, STYLES_AND_NONE)
    assert torch.equal(videos, before) and torch.equal(out[0], before[0])
    assert out.shape == videos.shape and -1 - 1e-5 <= float(out.min()) <= float(out.max()) <= 1 + 1e-5
    for number, style in enumerate(STYLES_AND_NONE):
        assert torch.allclose(out[number], styled(videos[number : number + 1], [style])[0], atol=1e-6)


def test_without_a_style_nothing_is_done():
    videos = disc(16)
    assert styled(videos, [None]) is videos


def test_a_mosaic_is_the_mean_of_each_block():
    videos = torch.rand(1, 3, 1, 32, 44, generator=torch.Generator().manual_seed(0))
    out = styled(videos, ["mosaic"])
    assert torch.allclose(out[0, :, 0, 8:16, 40:], videos[0, :, 0, 8:16, 40:].mean((1, 2), keepdim=True).expand(3, 8, 4))
    assert len(out.unique()) == 3 * 4 * 6


@pytest.mark.parametrize("sides, block", [((64, 64), 8), ((128, 128), 8), ((96, 224), 8), ((256, 256), 16), ((1080, 1920), 64)])
def test_blocks_are_whole_tiles_about_a_sixteenth_of_the_shorter_side(sides, block):
    assert block_side(*sides) == block


def test_tints_keep_brightness_and_nothing_else():
    videos = torch.rand(1, 3, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    grey, sepia = styled(videos, ["grey"]), styled(videos, ["sepia"])
    assert torch.equal(grey[:, 0], grey[:, 1]) and torch.equal(grey[:, 1], grey[:, 2])
    red, green, blue = videos[0, :, 0, 0, 0].tolist()
    assert float(grey[0, 0, 0, 0, 0]) == pytest.approx(0.299 * red + 0.587 * green + 0.114 * blue, abs=1e-5)
    bright = (grey[:, 0] + 1) / 2
    for channel, share in enumerate(SEPIA):
        assert torch.allclose((sepia[:, channel] + 1) / 2, share * bright, atol=1e-5)


def test_lines_are_as_wide_as_the_picture_asks():
    """Dark at the disc's edge, white within it and without, and as much of the picture at any size."""
    shares = []
    for side in (128, 384):
        drawn = styled(disc(side), ["outline"])[0, 0, 0]
        assert float(drawn[side // 2, side // 2]) == float(drawn[0, 0]) == 1
        row = (drawn[side // 2] < 0).nonzero().flatten()
        assert [float(row[0]) / side, float(row[-1]) / side] == pytest.approx([1 / 6, 5 / 6], abs=0.02)
        shares.append(float((drawn < 0).float().mean()))
    assert shares[1] == pytest.approx(shares[0], rel=0.15)
