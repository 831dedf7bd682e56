"""Weights for tests: random everywhere, so that no branch that begins at zero hides what it would do."""

import torch
from torch import nn


@torch.no_grad()
def randomise(module, seed=0):
    """Every parameter and floating buffer anew, scaled so that activations stay near 1. Returns the module."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in module.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.ndim > 1:
            parameter.copy_(noise / parameter[0].numel() ** 0.5)
        else:
            parameter.copy_(0.2 * noise + (0 if name.endswith("bias") else 1))
    for name, buffer in module.named_buffers():
        noise = torch.randn(buffer.shape, generator=generator)
        buffer.copy_((0.2 * noise).exp() if name.endswith(("std", "weight")) else 0.2 * noise)
    return module.eval().requires_grad_(False)


def zeroed(module: nn.Module) -> list[str]:
    """Names of the parameters that are nothing but zeros."""
    return [name for name, parameter in module.named_parameters() if not parameter.any()]
