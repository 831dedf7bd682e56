"""Between two Gaussians that differ in their mean alone, what is known moves by the difference of the means, exactly."""

import pytest
import torch

from worldreel.sampling import Euler, Multistep, sample, schedule
from worldreel.sampling.flowedit import flowedit

MEAN, OTHER, SPREAD = 0.5, -1.5, 0.7


def clean_by(mean):
    """The expected clean tokens of a Gaussian, given noisy ones: exact, by token."""

    def predict(tokens, levels):
        t = levels[:, None]
        kept = 1 - t
        return mean + SPREAD**2 * kept / ((SPREAD * kept) ** 2 + t**2) * (tokens - kept * mean)

    return predict


@pytest.fixture
def known():
    return MEAN + SPREAD * torch.randn(40, 6, generator=torch.Generator().manual_seed(1))


def changed(known, before, after, steps, ceilings=None, solver=None, seed=2):
    predict = flowedit(before, after, known, torch.Generator().manual_seed(seed))
    return sample(predict, known, schedule(steps, 3.0), known, ceilings, solver=solver)


@pytest.mark.parametrize("steps", [1, 5, 500])
def test_the_mean_moves_and_nothing_else(known, steps):
    """In any number of steps: the way is straight."""
    made = changed(known, clean_by(MEAN), clean_by(OTHER), steps, solver=Euler())
    torch.testing.assert_close(made, known + OTHER - MEAN, atol=1e-5, rtol=0)


def test_another_solver_comes_there_too(known):
    made = changed(known, clean_by(MEAN), clean_by(OTHER), 50, solver=Multistep())
    torch.testing.assert_close(made, known + OTHER - MEAN, atol=1e-4, rtol=0)


def test_the_same_said_twice_changes_nothing(known):
    assert torch.equal(changed(known, clean_by(MEAN), clean_by(MEAN), 10), known)


def test_less_strength_changes_less_and_none_nothing(known):
    ceilings = torch.tensor([0.0, 0.3, 0.6, 1.0]).repeat_interleave(10)
    made = changed(known, clean_by(MEAN), clean_by(OTHER), 200, ceilings)
    moved = (made - known).mean(dim=1).view(4, 10).mean(dim=1)
    assert torch.equal(made[:10], known[:10])
    assert 0 > moved[1] > moved[2] > moved[3] > OTHER - MEAN - 0.1


def test_a_seed_gives_the_same_again(known):
    def bent(tokens, levels):  # a linear predictor would hide the noise
        return (tokens * (1 + levels[:, None])).tanh()

    one, two, other = (changed(known, bent, clean_by(OTHER), 5, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
