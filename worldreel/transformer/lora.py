"""Low-rank additions to linear layers (LoRA, Hu et al. 2021): y = W x + b + s (B A x + d)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class LowRank:
    """What is added to one layer: `down` [r, inputs] and `up` [outputs, r] to its weight, `bias` [outputs] to its bias (None:
    nothing). `scale`: the file's own, alpha / r, which is of the weight alone."""

    down: Tensor | None = None
    up: Tensor | None = None
    bias: Tensor | None = None
    scale: float = 1.0

    def fits(self, layer: nn.Linear) -> bool:
        """Whether its shapes are those of a layer."""
        if (self.down is None) != (self.up is None) or (self.down is None and self.bias is None):
            return False
        if self.down is not None and self.up is not None:
            whole = (self.up.shape[0], self.down.shape[-1])
            if self.down.ndim != 2 or self.up.ndim != 2 or len(self.down) != self.up.shape[1] or whole != layer.weight.shape:
                return False
        return self.bias is None or (layer.bias is not None and self.bias.shape == layer.bias.shape)

    @torch.no_grad()
    def merge(self, layer: nn.Linear, strength: float) -> None:
        """Into new weights of the layer (its own may be a window on a file), summed in fp32."""
        device = layer.weight.device
        if self.down is not None and self.up is not None:
            product = self.up.to(device).float() @ self.down.to(device).float()
            layer.weight = _frozen(layer.weight.float() + strength * self.scale * product, layer.weight)
        if self.bias is not None:
            layer.bias = _frozen(layer.bias.float() + strength * self.bias.to(device).float(), layer.bias)


def _frozen(value: Tensor, like: Tensor) -> nn.Parameter:
    return nn.Parameter(value.to(like.dtype), requires_grad=False)


class AdaptedLinear(nn.Module):
    """A layer with an addition beside it: its own weight stays as it is."""

    def __init__(self, layer: "nn.Linear | AdaptedLinear", addition: LowRank, strength: float) -> None:
        super().__init__()
        like = layer.weight
        self.layer, self.factor, self.strength = layer, strength * addition.scale, strength
        for name in ("down", "up", "bias_added"):
            value = getattr(addition, name.removesuffix("_added"))
            self.register_buffer(name, None if value is None else value.to(like.device, like.dtype), persistent=False)

    down: Tensor | None
    up: Tensor | None
    bias_added: Tensor | None

    @property
    def weight(self) -> Tensor:
        return self.layer.weight

    @property
    def bias(self) -> Tensor:
        return self.layer.bias

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x)
        if self.down is not None and self.up is not None:
            out = out + self.factor * F.linear(F.linear(x, self.down), self.up)
        return out if self.bias_added is None else out + self.strength * self.bias_added


def adapt(network: nn.Module, name: str, addition: LowRank, strength: float, *, merged: bool) -> None:
    """Adds to the layer of a name such as "blocks.0.attention.q", into its weight or beside it."""
    layer = network.get_submodule(name)
    if merged:
        while isinstance(layer, AdaptedLinear):
            layer = layer.layer
        assert isinstance(layer, nn.Linear)
        addition.merge(layer, strength)
        return
    assert isinstance(layer, nn.Linear | AdaptedLinear)
    parent, _, leaf = name.rpartition(".")
    setattr(network.get_submodule(parent), leaf, AdaptedLinear(layer, addition, strength))
