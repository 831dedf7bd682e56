"""The MLP of a block."""

import torch
from torch import Tensor, nn


def _has_fused_pass() -> bool:
    """oneDNN has it in bf16 for processors with AVX-512 only, and fails on others."""
    ours = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    return ours and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


FUSES = _has_fused_pass()


def fuses(device: str, weights: torch.dtype) -> bool:
    """Whether, without a gradient, a product bends what it gives while it has it at hand: on CPUs, with weights in bf16. By
    itself GELU took 13 % of a pass there (Wan's transformer, two cores of an Intel Xeon)."""
    return FUSES and device == "cpu" and weights == torch.bfloat16


class MLP(nn.Sequential):
    """Widened, bent by GELU, narrowed: [N, D] to [N, D]."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__(nn.Linear(width, inner), nn.GELU(approximate="tanh"), nn.Linear(inner, width))

    def forward(self, x: Tensor) -> Tensor:
        widen, bend, narrow = self
        # A layer with something beside it (`AdaptedLinear`) is none of these.
        if type(widen) is nn.Linear and not torch.is_grad_enabled() and fuses(widen.weight.device.type, widen.weight.dtype):
            weight = widen.weight
            out: Tensor = narrow(bent(x.to(weight.dtype), weight, widen.bias.to(weight.dtype)))
        else:
            out = narrow(bend(widen(x)))
        return out


@torch.library.custom_op("worldreel::bent", mutates_args=())
def bent(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """GELU (its tanh form) of a linear layer, in oneDNN's one pass. An operation of its own, since inductor takes that pass only
    for weights that it may keep."""
    out: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "gelu", [], "tanh")
    return out


@bent.register_fake
def _(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return x.new_empty(*x.shape[:-1], len(weight))
