"""Along the flow from noise to clean, every token at its own level: min(t, its ceiling)."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from worldreel.sampling.solvers import Euler, Solver

Predict = Callable[[Tensor, Tensor], Tensor]
"""(tokens [N, C], levels [N]) -> predicted clean tokens [N, C]."""


class Step(NamedTuple):
    """What a callback sees after each step."""

    number: int
    of: int
    level: float
    clean: Tensor
    """The model's present guess of the clean tokens, [N, C]."""
    tokens: Tensor
    """Where the step ended, [N, C]."""


def sample(
    predict: Predict,
    noise: Tensor,
    levels: Tensor,
    known: Tensor | None = None,
    ceilings: Tensor | None = None,
    callback: Callable[[Step], None] | None = None,
    solver: Solver | None = None,
) -> Tensor:
    """Clean tokens [N, C], from `noise` [N, C] and the schedule's `levels`, from 1 to 0, by Euler's method unless told otherwise.

    `ceilings` [N]: the highest level a token ever has. At 0 it stays the `known` token, at 1 it is made up, between it begins
    as the known token noised so far (SDEdit, Meng et al. 2022). A token is held while the level is above its ceiling; steps that
    would hold every token are not taken.
    """
    if ceilings is None:
        ceilings = torch.ones(len(noise), device=noise.device)
    top = ceilings[:, None]
    tokens = noise if known is None else (1 - top) * known + top * noise
    levels = levels[int((levels[1:] >= ceilings.max()).sum()) :]
    steps, solver = len(levels) - 1, solver or Euler()
    for number in range(steps):
        now, then = (torch.minimum(levels[place].to(ceilings), ceilings) for place in (number, number + 1))
        clean = predict(tokens, now)
        tokens = solver.step(tokens, clean, now, then)
        if callback is not None:
            callback(Step(number + 1, steps, float(levels[number + 1]), clean, tokens))
    return tokens
