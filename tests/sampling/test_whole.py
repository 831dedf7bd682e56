"""Weights with one level for a whole sample fill the same canvases, by putting back what is known."""

from itertools import pairwise

import pytest
import torch

from tests.sampling.test_sample import TOKENS, Gaussian, errors
from worldreel.sampling import Again, Euler, Multistep, sample, sample_whole, schedule


@pytest.fixture(scope="module")
def gaussian():
    return Gaussian()


@pytest.fixture
def ceilings():
    return torch.tensor([0.0, 0.6, 1.0], dtype=torch.float64).repeat(TOKENS // 3)


def test_without_ceilings_it_is_the_other_sampler(gaussian):
    levels, free = schedule(20, 2.0).double(), torch.ones(TOKENS, dtype=torch.float64)
    for solver in (Euler, Multistep):
        made = sample_whole(gaussian.predict, gaussian.noise, levels, gaussian.known, free, solver=solver)
        assert errors(made, sample(gaussian.predict, gaussian.noise, levels, solver=solver())) < 1e-5


def test_every_token_is_told_the_same_level(gaussian, ceilings):
    told = []

    def predict(tokens, levels):
        told.append(levels.clone())
        return gaussian.predict(tokens, levels)

    levels = schedule(7, 1.0).double()
    sample_whole(predict, gaussian.noise, levels, gaussian.known, ceilings)
    assert all((one == level).all() for one, level in zip(told, levels, strict=False))


def test_ceilings_of_0_and_0_6_and_1_together(gaussian, ceilings):
    """Half known tokens set out at the first level of the schedule below 0.6, so that is where the exact flow begins too."""
    levels = schedule(500, 1.0).double()
    made = sample_whole(gaussian.predict, gaussian.noise, levels, gaussian.known, ceilings)
    assert torch.equal(made[ceilings == 0], gaussian.known[ceilings == 0])
    top = torch.where(ceilings == 0.6, levels[levels <= 0.6].max(), ceilings)[:, None]
    exact = gaussian.ends((1 - top) * gaussian.known + top * gaussian.noise, top)
    assert errors(made[ceilings > 0], exact[ceilings > 0]) < 0.015


def test_steps_that_hold_every_token_are_not_taken(gaussian, ceilings):
    """What they make is put back before the next one."""
    levels, calls, low = schedule(20, 1.0).double(), [], ceilings.clamp(max=0.6)

    def predict(tokens, told):
        calls.append(float(told[0]))
        return gaussian.predict(tokens, told)

    made = sample_whole(predict, gaussian.noise, levels, gaussian.known, low)
    assert calls == [float(level) for level in levels[8:20]]  # from 0.6, its last step above or at the ceiling
    tokens = gaussian.noise
    for now, then in pairwise(levels):
        tokens = torch.where((low < now)[:, None], (1 - now) * gaussian.known + now * gaussian.noise, tokens)
        told = now.expand(len(tokens))
        tokens = Euler().step(tokens, gaussian.predict(tokens, told), told, then.expand(len(tokens)))
    assert torch.equal(made[low > 0], tokens[low > 0])


def test_steps_taken_again_keep_the_distribution(gaussian):
    """Of many numbers with mean 3 and deviation 0.5; resampling adds noise and takes it away."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(20_000, 1, generator=generator)

    def predict(tokens, levels):
        t = levels[:, None]
        return 3 + (1 - t) * 0.25 / ((1 - t) ** 2 * 0.25 + t**2) * (tokens - (1 - t) * 3)

    free = torch.ones(len(noise))
    made = sample_whole(predict, noise, schedule(240, 1.0), torch.zeros_like(noise), free, again=Again(2, generator))
    assert float(made.mean()) == pytest.approx(3, abs=0.04)
    assert float(made.std()) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("times", [0, 1])
def test_any_number_of_steps_stays_finite(gaussian, ceilings, steps, times):
    again = Again(times, torch.Generator().manual_seed(0))
    made = sample_whole(gaussian.predict, gaussian.noise, schedule(steps, 3.0).double(), gaussian.known, ceilings, again=again)
    assert made.isfinite().all()
    assert torch.equal(made[ceilings == 0], gaussian.known[ceilings == 0])
