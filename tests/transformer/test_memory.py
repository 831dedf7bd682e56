"""The estimate against what is counted."""

from contextlib import nullcontext

import pytest
import torch

from tests.counting import Counting
from worldreel.patches import Grid, Segment, pack
from worldreel.transformer import Transformer, TransformerConfig
from worldreel.transformer.attention import short
from worldreel.transformer.memory import Pass, activation_bytes
from worldreel.transformer.mlp import fuses

WAN = {"place_frequencies": 0, "summary": False}
CASES = {
    "a wide MLP": ({**WAN, "width": 192, "mlp_width": 1120, "heads": 2}, (5, 16, 18), 1, 512, False),
    "a narrow one": ({**WAN, "width": 192, "mlp_width": 512, "heads": 2}, (5, 16, 18), 1, 64, False),
    "tokens of two levels": ({**WAN, "width": 192, "mlp_width": 1120, "heads": 2}, (5, 16, 18), 1, 512, True),
    "both halves, scores held whole": ({"width": 192, "mlp_width": 576, "heads": 3}, (3, 16, 16), 2, 20, False),
    "a small network": ({"width": 64, "mlp_width": 128, "heads": 2}, (2, 12, 12), 2, 20, False),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("case", CASES)
def test_a_pass_takes_what_is_estimated(case, dtype):
    settings, grid, halves, text, two_levels = CASES[case]
    config = TransformerConfig(channels=16, text_width=48, blocks=2, **settings)
    network = Transformer(config).requires_grad_(False)
    if not config.summary:  # Wan's matrices are in the format of products
        for name, weight in network.named_parameters():
            exact = weight.ndim == 1 or name.endswith("table") or name.startswith("time.")
            weight.data = weight.data if exact else weight.data.to(dtype)
    grids = Grid(*grid, seconds=1 / 24)
    layout = pack([Segment((grids,), ((grids.tokens, half),)) for half in range(halves)])
    levels = torch.full((layout.tokens,), 0.5)
    levels[:4] = 0.0 if two_levels else 0.5
    inputs = torch.randn(layout.tokens, 16), levels, layout, [torch.randn(text, 48) for _ in range(halves)]
    mixed = torch.autocast("cpu", dtype) if dtype == torch.bfloat16 else nullcontext()
    with torch.no_grad(), Counting(network) as counted, mixed:
        network(*inputs)
    fused = fuses("cpu", network.blocks[0].mlp[0].weight.dtype)
    work = Pass([grids.tokens] * halves, [text] * halves, dtype.itemsize, short("cpu", dtype), fused=fused)
    estimate = activation_bytes(config, work)
    assert counted.live == 0 or counted.live < counted.peak / 10  # what is left is the inputs'
    assert estimate == pytest.approx(counted.peak, rel=0.06)
