"""The levels that sampling visits, from noise to clean."""

import torch
from torch import Tensor

from worldreel.flow import shifted


def schedule(steps: int, shift: float, least: float = 0.0, reaches_least: bool = False) -> Tensor:
    """[steps + 1] levels from 1 down to 0, evenly spaced and then shifted (see `worldreel.flow.shifted`).

    `least`: of weights whose levels in training ended above 0, the lowest one before the shift: levels are spaced down to there
    instead, which is the last step's start (`reaches_least`) or would be the next one's, and 0 comes after.
    """
    places = torch.linspace(1, least, steps if reaches_least else steps + 1, dtype=torch.float64)[:steps]
    return torch.cat([shifted(places, shift), places.new_zeros(1)]).float()
