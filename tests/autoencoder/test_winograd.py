"""Two frames by four products, against the convolution itself."""

import pytest
import torch
import torch.nn.functional as F

from worldreel.autoencoder import winograd
from worldreel.autoencoder.layers import CausalConv3d


def _case(frames, dtype=torch.float64, kernel=(3, 3), outputs=5):
    draw = torch.Generator().manual_seed(frames)
    x = torch.randn(2, 6, frames + 2, 7, 9, generator=draw).to(dtype).contiguous(memory_format=torch.channels_last_3d)
    weight = (torch.randn(outputs, 6, 3, *kernel, generator=draw) / 12).to(dtype)
    return x, weight, torch.randn(outputs, generator=draw).to(dtype), (kernel[0] // 2, kernel[1] // 2)


@pytest.mark.parametrize("frames", [2, 3, 4, 5])
@pytest.mark.parametrize("kernel", [(3, 3), (1, 1), (3, 1)])
def test_it_is_the_convolution(frames, kernel):
    x, weight, bias, border = _case(frames, torch.float32, kernel)
    given = x.clone()
    for some in (bias, None):
        wanted = F.conv3d(x.double(), weight.double(), None if some is None else some.double(), padding=(0, *border))
        got = winograd.convolved(x, weight, some, border)
        assert got.shape == wanted.shape and got.dtype == torch.float32
        assert (got - wanted).norm() <= 1e-6 * wanted.norm()
        assert got.is_contiguous(memory_format=torch.channels_last_3d)
    assert torch.equal(x, given)


def test_in_bf16_it_errs_little_more_than_the_convolution():
    x, weight, bias, border = _case(4, torch.bfloat16, outputs=64)
    wanted = F.conv3d(x.double(), weight.double(), bias.double(), padding=(0, *border))
    plain = F.conv3d(x, weight, bias, padding=(0, *border))
    errors = [(made - wanted).norm() / wanted.norm() for made in (winograd.convolved(x, weight, bias, border), plain)]
    assert errors[0] <= 3 * errors[1] <= 0.01


def test_where_it_suits():
    x, weight, _, _ = _case(2)
    assert not winograd.suits(x, weight)  # gradients
    with torch.no_grad():
        assert winograd.suits(x, weight)
        assert not winograd.suits(x[:, :, :3], weight)  # one frame comes out
        assert not winograd.suits(x, weight[:, :, -1:])
        assert not winograd.suits(x.to("meta"), weight)


@pytest.mark.parametrize(("dtype", "tiles", "wanted"), [("float32", 1, True), ("bfloat16", 1, False), ("bfloat16", 0, True)])
def test_tiles_need_no_fewer_products(dtype, tiles, wanted, monkeypatch):
    monkeypatch.setattr(winograd, "TILES", tiles)
    x, weight, _, _ = _case(2, getattr(torch, dtype))
    with torch.no_grad():
        assert winograd.suits(x, weight) == wanted


def test_causal_convolutions_use_it_with_the_same_result():
    torch.manual_seed(0)
    layer, x = CausalConv3d(6, 5, 3), torch.randn(1, 6, 5, 8, 8)
    exact = layer(x).detach()
    with torch.no_grad():
        assert (layer(x) - exact).norm() <= 1e-6 * exact.norm()
        assert not torch.equal(layer(x), exact)  # another order of sums: it was used
