"""The levels that sampling visits, from noise to clean."""

import torch
from torch import Tensor

from worldreel.flow import shifted


def schedule(steps: int, shift: float) -> Tensor:
    """[steps + 1] levels from 1 down to 0, evenly spaced and then shifted (see `worldreel.flow.shifted`)."""
    return shifted(torch.linspace(1, 0, steps + 1, dtype=torch.float64), shift).float()
