"""Compiled blocks give what plain ones give, and learn what they learn."""

import pytest
import torch

from tests.weights import randomise
from worldreel.patches import Grid, Segment, pack
from worldreel.transformer import Transformer, TransformerConfig


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the compiler's own
def test_compiled_equals_plain():
    network = randomise(Transformer(TransformerConfig(channels=8, text_width=12, width=48, blocks=2, heads=2, mlp_width=96)))
    network.requires_grad_(True)
    generator = torch.Generator().manual_seed(0)
    grids = [Grid(2, 2, 3, seconds=1 / 3), Grid(1, 2, 2, seconds=1 / 3), Grid(1, 2, 2, seconds=1 / 3)]
    layout = pack([Segment((grid,), ((grid.tokens, number),)) for number, grid in enumerate(grids)])
    tokens = torch.randn(layout.tokens, 8, generator=generator)
    levels = torch.rand(layout.tokens, generator=generator)
    texts = [torch.randn(length, 12, generator=generator) for length in (3, 5, 2)]
    found = []
    for compiled in (False, True):
        network.compiled = compiled
        network.zero_grad()
        out = network(tokens, levels, layout, texts)
        out.square().mean().backward()
        found.append([out.detach(), *(parameter.grad.clone() for parameter in network.parameters())])
    for plain, compiled in zip(*found, strict=True):
        assert torch.allclose(plain, compiled, atol=1e-5, rtol=1e-3)
