import pytest
import torch

from worldreel.patches import Grid, from_tokens, to_tokens
from worldreel.shapes import VideoShape


@pytest.mark.parametrize("patch", [1, 2, 3])
def test_tokens_go_there_and_back(patch):
    latents = torch.randn(5, 3, 6, 12, generator=torch.Generator().manual_seed(0))
    grid = Grid.of(VideoShape(3, 6, 12), patch, seconds=1 / 3)
    tokens = to_tokens(latents, patch)
    assert tokens.shape == (grid.tokens, patch**2 * 5)
    assert torch.equal(from_tokens(tokens, grid, patch), latents)


def test_tokens_are_ordered_by_time_row_and_column():
    frames, rows, columns = torch.meshgrid(torch.arange(3.0), torch.arange(4.0), torch.arange(5.0), indexing="ij")
    tokens = to_tokens(torch.stack([frames, rows, columns]), 1)
    grid = Grid(3, 4, 5, seconds=1 / 24)
    assert torch.allclose(tokens, grid.positions())


@pytest.mark.parametrize(("fps", "stride"), [(24, 4), (12, 2), (48, 8), (6, 1)])
def test_positions_are_seconds_whatever_the_rate_and_the_stride(fps, stride):
    """A token every sixth of a second, and its run begins after two: ticks of 4 from 48 on."""
    grid = Grid.of(VideoShape(4, 2, 2), 1, seconds=stride / fps, start=2)
    times = grid.positions()[:, 0].unflatten(0, (4, 4))
    assert torch.allclose(times, torch.tensor([48.0, 52.0, 56.0, 60.0])[:, None].expand(4, 4))


def test_places_run_over_the_clip_and_the_frame():
    early, late = Grid(3, 2, 4, seconds=0.5), Grid(2, 2, 4, seconds=0.5, start=1.5)
    places = torch.cat([early.places(2.0), late.places(2.0)])
    assert places[:, 0].unique().tolist() == pytest.approx([-1, -0.5, 0, 0.5, 1])
    assert places[:, 1].unique().tolist() == pytest.approx([-0.5, 0.5])
    assert places[:, 2].unique().tolist() == pytest.approx([-0.75, -0.25, 0.25, 0.75])
    assert not Grid(1, 2, 2, seconds=0.5).places(0.0)[:, 0].any()
