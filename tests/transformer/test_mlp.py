import pytest
import torch
import torch.nn.functional as F

from worldreel.transformer import mlp as module
from worldreel.transformer.mlp import MLP


@pytest.fixture(scope="module")
def mlp():
    torch.manual_seed(0)
    return MLP(24, 56)


def reference(mlp, x):
    return F.linear(F.gelu(F.linear(x, mlp[0].weight, mlp[0].bias), approximate="tanh"), mlp[2].weight, mlp[2].bias)


def test_what_it_is_in_fp32(mlp):
    x = torch.randn(7, 24)
    assert torch.equal(mlp(x), reference(mlp, x))


@pytest.mark.parametrize("count", [1, 7, 300])
def test_the_fused_pass_in_bf16_is_as_near_to_fp32_as_passes_apart(mlp, count):
    """Biases stay in fp32, as weights in Wan's shape are held; also in inference mode."""
    x = torch.randn(count, 24)
    exact = reference(mlp, x).detach()
    short = MLP(24, 56)
    short.load_state_dict(mlp.state_dict())
    for layer in (short[0], short[2]):
        layer.weight.data = layer.weight.data.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        with torch.inference_mode():
            fused = short(x)
        apart = short(x.requires_grad_())
    assert apart.requires_grad
    errors = [(made.float() - exact).norm() / exact.norm() for made in (fused, apart.detach())]
    assert errors[0] <= 1.2 * errors[1] <= 0.02


def test_processors_without_the_fused_pass_take_passes_apart(mlp, monkeypatch):
    """Those that know no AVX-512 multiply bf16 too, slowly; oneDNN's fused pass fails there."""
    assert not module.FUSES or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    monkeypatch.setattr(module, "FUSES", False)
    monkeypatch.setattr(module, "bent", None)
    short = MLP(24, 56).bfloat16()
    with torch.inference_mode():
        assert short(torch.randn(7, 24).bfloat16()).isfinite().all()
