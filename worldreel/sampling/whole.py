"""Sampling with weights that know one level for a whole sample: what is known is put back, noised, before each step."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from worldreel.sampling.sample import Predict, Step
from worldreel.sampling.solvers import Euler, Solver


class Again(NamedTuple):
    """Each step is taken so many times more, from tokens that are noised anew (Lugmayr et al. 2022, section 4.2), so that what is
    made fits what is known."""

    times: int
    generator: torch.Generator


def sample_whole(
    predict: Predict,
    noise: Tensor,
    levels: Tensor,
    known: Tensor,
    ceilings: Tensor,
    callback: Callable[[Step], None] | None = None,
    solver: Callable[[], Solver] = Euler,
    again: Again | None = None,
) -> Tensor:
    """As `sample`, but every token is told the same level (Lugmayr et al. 2022).

    A token whose ceiling is below the level is put back as the known token with that much noise; steps after which all of them
    would be are not taken.
    """
    levels = levels[int((levels[1:] > ceilings.max()).sum()) :]
    tokens, steps, method = noise, len(levels) - 1, solver()
    turns = 1 if again is None else 1 + again.times
    for number in range(steps):
        now, then = levels[number], levels[number + 1]
        for turn in range(turns):
            held = (ceilings < now)[:, None]
            tokens = torch.where(held, (1 - now) * known + now * noise, tokens)
            clean = predict(tokens, now.expand(len(tokens)))
            tokens = method.step(tokens, clean, now.expand(len(tokens)), then.expand(len(tokens)))
            if again is not None and turn < again.times and then > 0:
                tokens = _noisier(tokens, then, now, again.generator)
                method = solver()  # what it remembers is of another path
        if callback is not None:
            callback(Step(number + 1, steps, float(then), clean, tokens))
    return torch.where((ceilings == 0)[:, None], known, tokens)


def _noisier(tokens: Tensor, level: Tensor, wanted: Tensor, generator: torch.Generator) -> Tensor:
    """Tokens of one level at a higher one: x_t = s x_u + sqrt(t^2 - s^2 u^2) e with s = (1 - t) / (1 - u)."""
    kept = (1 - wanted) / (1 - level)
    fresh = torch.randn(tokens.shape, generator=generator, dtype=tokens.dtype).to(tokens.device)
    spread: Tensor = (wanted**2 - (kept * level) ** 2).clamp(min=0).sqrt()
    return kept * tokens + spread * fresh
