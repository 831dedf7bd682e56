import pytest
import torch
from torch import nn

from worldreel.transformer.lora import AdaptedLinear, LowRank, adapt


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.ModuleDict({"mlp": nn.Sequential(nn.Linear(5, 7), nn.GELU(), nn.Linear(7, 3, bias=False))})


def addition(bias=True):
    generator = torch.Generator().manual_seed(1)
    down, up = torch.randn(2, 5, generator=generator), torch.randn(7, 2, generator=generator)
    return LowRank(down, up, torch.randn(7, generator=generator) if bias else None, scale=0.5)


@pytest.mark.parametrize("merged", [True, False])
def test_a_layer_gives_its_own_and_what_is_added(network, merged):
    x = torch.randn(4, 5)
    layer, added = network["mlp"][0], addition()
    wanted = layer(x)
    for strength in (0.6, -0.2):  # one after another: they add up
        wanted = wanted + strength * (0.5 * x @ added.down.T @ added.up.T + added.bias)
        adapt(network, "mlp.0", added, strength, merged=merged)
    assert torch.allclose(network["mlp"][0](x), wanted, atol=1e-6)
    assert isinstance(network["mlp"][0], nn.Linear if merged else AdaptedLinear)


def test_merging_goes_below_what_lies_beside(network):
    x, added = torch.randn(4, 5), addition(bias=False)
    wanted = network["mlp"][0](x) + 2 * 0.5 * x @ added.down.T @ added.up.T
    adapt(network, "mlp.0", added, 1.0, merged=False)
    adapt(network, "mlp.0", added, 1.0, merged=True)
    assert torch.allclose(network["mlp"][0](x), wanted, atol=1e-6)


def test_merged_weights_keep_their_dtype(network):
    adapt(network.bfloat16(), "mlp.0", addition(), 1.0, merged=True)
    assert {one.dtype for one in network.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("added", "fits"),
    [
        (LowRank(torch.ones(2, 5), torch.ones(7, 2)), True),
        (LowRank(bias=torch.ones(7)), True),
        (LowRank(), False),
        (LowRank(torch.ones(2, 5)), False),
        (LowRank(torch.ones(2, 5), torch.ones(7, 3)), False),
        (LowRank(torch.ones(2, 6), torch.ones(7, 2)), False),
        (LowRank(torch.ones(2, 5, 1, 1), torch.ones(7, 2)), False),
        (LowRank(torch.ones(2, 5), torch.ones(7, 2), torch.ones(5)), False),
    ],
)
def test_what_fits(network, added, fits):
    assert added.fits(network["mlp"][0]) == fits
    assert not LowRank(bias=torch.ones(3)).fits(network["mlp"][2])  # a layer without a bias
