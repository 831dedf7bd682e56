"""Solvers: from one level to the next along the flow, by token. A token whose level stays does not move."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from worldreel.flow import HIGHEST_LEVEL

RENEWED = 0.8
"""Of `Stochastic`, the share of the noise that is new."""


class Solver(Protocol):
    """Made anew for each sample, since it may remember."""

    def step(self, tokens: Tensor, clean: Tensor, now: Tensor, then: Tensor) -> Tensor:
        """Tokens [N, C] of levels `now` [N], whose clean ones are believed to be `clean` [N, C], at levels `then` [N]."""


class Euler:
    """First order. dx/dt = (x - x_0) / t, so a step from t to u scales the distance to x_0 by u / t."""

    def step(self, tokens: Tensor, clean: Tensor, now: Tensor, then: Tensor) -> Tensor:
        keep = torch.where(now > 0, then / now.clamp(min=1e-12), torch.ones_like(now))[:, None]
        return torch.where(keep == 1, tokens, clean + (tokens - clean) * keep)


class Stochastic:
    """Euler's method, of whose noise a share is drawn anew at every step (as "churn" in Karras et al. 2022, section 4).

    What a network got wrong at one level, it takes for part of the clip at the next, and follows; anew, it can leave it.
    A share of 0 is Euler's method, and of 1 the multistep sampling of consistency models (Song et al. 2023, algorithm 1). The
    more is new, the less samples differ from their mean: the new noise knows nothing of what the network is unsure of.
    """

    def __init__(self, generator: torch.Generator, share: float = RENEWED) -> None:
        self.generator, self.share = generator, share

    def step(self, tokens: Tensor, clean: Tensor, now: Tensor, then: Tensor) -> Tensor:
        # On the CPU: the same seed gives the same noise on every device.
        fresh = torch.randn(tokens.shape, generator=self.generator).to(tokens)
        noise = (tokens - (1 - now)[:, None] * clean) / now.clamp(min=1e-12)[:, None]
        noise = (1 - self.share**2) ** 0.5 * noise + self.share * fresh
        return torch.where((then < now)[:, None], (1 - then)[:, None] * clean + then[:, None] * noise, tokens)


class Multistep:
    """Second order: Adams and Bashforth's two-step method on the velocity, for steps of any lengths, with coefficients by token.

    A token's first step, at the start or after it was held, is Euler's.
    """

    def __init__(self) -> None:
        self.velocity: Tensor | None = None
        self.length: Tensor | None = None

    def step(self, tokens: Tensor, clean: Tensor, now: Tensor, then: Tensor) -> Tensor:
        length = (then - now)[:, None]
        velocity = (tokens - clean) / now.clamp(min=1e-12)[:, None]
        slope = velocity
        if self.velocity is not None and self.length is not None:
            ratio = torch.where(self.length < 0, length / self.length.clamp(max=-1e-12), torch.zeros_like(length))
            slope = velocity + ratio / 2 * (velocity - self.velocity)
        self.velocity, self.length = velocity, length
        return torch.where(length < 0, tokens + length * slope, tokens)


class UniPC:
    """Predictor and corrector of second order on the clean tokens, "UniPC-2" with B(h) = e^h - 1 (Zhao et al. 2023, algorithms 5
    and 6 in appendix A, there for data prediction), with coefficients by token.

    The corrector takes the last step again, now that the clean tokens at its end are known. A token's first step, at the start,
    after it was held or was put elsewhere, is of first order, and so is its last.
    """

    def __init__(self) -> None:
        self.last: _Taken | None = None
        self.made: Tensor | None = None

    def step(self, tokens: Tensor, clean: Tensor, now: Tensor, then: Tensor) -> Tensor:
        last, moved = self.last, (then < now).cpu()
        going = torch.zeros_like(moved)
        if last is not None and self.made is not None:
            going = last.moved & (tokens == self.made).all(dim=1).cpu()
            tokens = torch.where(_column(going, tokens) > 0, _corrected(last, clean), tokens)
            last = last._replace(before=None)  # further back is of no use
        # In doubles, on the CPU since not every device has them: differences of small numbers follow.
        s, t = (levels.cpu().double().clamp(max=HIGHEST_LEVEL) for levels in (now, then))
        self.last = _Taken(tokens, clean, s, t, moved, going & moved & (t > 0), last)
        self.made = torch.where(_column(moved, tokens) > 0, _predicted(self.last), tokens)
        return self.made


class _Taken(NamedTuple):
    """A step from levels `s` to `t` [N], on the CPU; `second`: for which tokens it is of second order; the step before it."""

    tokens: Tensor
    clean: Tensor
    s: Tensor
    t: Tensor
    moved: Tensor
    second: Tensor
    before: "_Taken | None"

    @property
    def length(self) -> Tensor:
        """In log-SNR, of tokens that move."""
        return torch.where(self.moved, _log_snr(self.t) - _log_snr(self.s), 1.0)

    @property
    def ratio(self) -> Tensor:
        """How far back the step before it began, in lengths of this one: below 0. -1 where there was none."""
        if self.before is None:
            return -torch.ones_like(self.s)
        return torch.where(self.second, (_log_snr(self.before.s) - _log_snr(self.s)) / self.length, -1.0)

    def first_order(self) -> Tensor:
        """x_t = t / s x_s + (1 - t) (1 - e^-h) x_0 (exact if x_0 did not change)."""
        stay, pull = self.t / self.s.clamp(min=1e-30), -(1 - self.t) * torch.expm1(-self.length)
        return _column(stay, self.tokens) * self.tokens + _column(pull, self.tokens) * self.clean

    def bend(self, weight: Tensor) -> Tensor:
        """`weight` [N] of the change of clean tokens since the step before, by length, as it enters the sum."""
        if self.before is None:
            return torch.zeros_like(self.tokens)
        factor = -(1 - self.t) * torch.expm1(-self.length) * torch.where(self.second, weight / self.ratio, 0.0)
        return _column(factor, self.tokens) * (self.before.clean - self.clean)


def _predicted(step: _Taken) -> Tensor:
    return step.first_order() + step.bend(torch.full_like(step.s, 0.5))


def _corrected(step: _Taken, clean: Tensor) -> Tensor:
    """Where the step ends, given the clean tokens that are believed in there."""
    h, ratio = step.length, step.ratio
    phi1 = torch.expm1(-h)
    phi2 = phi1 / -h - 1
    b1, b2 = phi2 / phi1, 2 * (phi2 / -h - 0.5) / phi1
    old = torch.where(step.second, (b1 - b2) / (1 - ratio), 0.0)
    new = torch.where(step.second, b1 - old, 0.5)
    pull = _column(-(1 - step.t) * phi1 * new, step.tokens)
    return step.first_order() + step.bend(old) + pull * (clean - step.clean)


def _log_snr(levels: Tensor) -> Tensor:
    return torch.log1p(-levels) - levels.clamp(min=1e-30).log()


def _column(values: Tensor, like: Tensor) -> Tensor:
    """[N] as [N, 1] beside tokens."""
    return values.to(like.dtype).to(like.device)[:, None]  # in this order: not every device takes doubles
