"""Muon for the matrices inside blocks, AdamW for all the rest; and their state as named tensors (never a pickle)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from worldreel.devices import compute_dtype


class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal by Newton-Schulz iterations (Jordan et al. 2024), for matrices and convolution kernels.

    A kernel [outputs, inputs, ...] counts as a matrix [outputs, ... x inputs], in the order in which it lies in memory where
    channels are last; torch's own Muon takes matrices only. Updates are scaled to the size of AdamW's (Liu et al. 2025, equation
    4), so that one learning rate suits both.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, momentum: float = 0.95, weight_decay: float = 0.01) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            ahead = defaultdict[torch.Size, list[tuple[nn.Parameter, Tensor]]](list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    matrix = self._ahead(parameter, group["momentum"]).movedim(1, -1).flatten(1)
                    ahead[matrix.shape].append((parameter, matrix))
            for shape, alike in ahead.items():
                updates = orthogonal(torch.stack([matrix for _, matrix in alike])) * (0.2 * max(shape) ** 0.5)
                for (parameter, _), update in zip(alike, updates, strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(_kernel(update, parameter), alpha=-group["lr"])

    def _ahead(self, parameter: nn.Parameter, momentum: float) -> Tensor:
        """The gradient, averaged with those before it (Nesterov)."""
        assert parameter.grad is not None
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].lerp_(parameter.grad, 1 - momentum)
        return parameter.grad.lerp(state["momentum"], momentum)


def _kernel(matrix: Tensor, like: Tensor) -> Tensor:
    """A matrix [outputs, ... x inputs] as the kernel [outputs, inputs, ...] that it was."""
    return matrix.view(like.shape[0], *like.shape[2:], like.shape[1]).movedim(-1, 1)


def orthogonal(matrices: Tensor, iterations: int = 5) -> Tensor:
    """The nearest semi-orthogonal matrices of a batch [B, rows, columns], roughly: singular values end between 0.7 and 1.2."""
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.mT if tall else matrices).to(compute_dtype(matrices.device))
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(iterations):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    out: Tensor = (x.mT if tall else x).to(matrices.dtype)
    return out


def muon_and_adamw(
    network: nn.Module, muon_rate: float, adamw_rate: float, inside: str, weight_decay: float = 0.01
) -> list[torch.optim.Optimizer]:
    """Muon takes matrices and kernels of the module lists named `inside`; the rest (embeddings, heads, gains) goes to AdamW."""
    matrices: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            (matrices if parameter.ndim >= 2 and f"{inside}." in name else rest).append(parameter)
    return [Muon(matrices, muon_rate, weight_decay=weight_decay), adamw(rest, adamw_rate, weight_decay)]


def adamw(parameters: Iterable[nn.Parameter], rate: float, weight_decay: float = 0.01) -> torch.optim.Optimizer:
    """AdamW that decays matrices and kernels, but neither gains nor biases."""
    listed = list(parameters)
    groups = [
        {"params": [parameter for parameter in listed if parameter.ndim > 1], "weight_decay": weight_decay},
        {"params": [parameter for parameter in listed if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=rate, betas=(0.9, 0.99))


def optimizer_state(optimizers: list[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """All moments, named `optimizer.parameter.moment` by number."""
    tensors = {}
    for number, optimizer in enumerate(optimizers):
        for parameter, moments in optimizer.state_dict()["state"].items():
            for name, value in moments.items():
                tensors[f"{number}.{parameter}.{name}"] = torch.as_tensor(value)
    return tensors


def load_optimizer_state(optimizers: list[torch.optim.Optimizer], tensors: Mapping[str, Tensor]) -> None:
    """The inverse of `optimizer_state`. Moments get the strides of their parameter again, as they had when they were made: the
    same sums over another order in memory may round otherwise."""
    for number, optimizer in enumerate(optimizers):
        state = optimizer.state_dict()
        state["state"] = {}
        for key, value in tensors.items():
            owner, parameter, name = key.split(".", 2)
            if int(owner) == number:
                state["state"].setdefault(int(parameter), {})[name] = value
        optimizer.load_state_dict(state)
        for parameter in (one for group in optimizer.param_groups for one in group["params"]):
            moments = optimizer.state[parameter]
            for name, value in moments.items():
                if value.shape == parameter.shape:
                    moments[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
