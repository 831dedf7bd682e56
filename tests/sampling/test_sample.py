"""Sampling against a Gaussian, whose flow is known exactly.

Data N(m, s^2) by token give x_t ~ N((1 - t) m, (1 - t)^2 s^2 + t^2), and the probability flow keeps each point's number of
standard deviations from the mean: a token at x_c of level c ends at m + s (x_c - (1 - c) m) / sqrt((1 - c)^2 s^2 + c^2).
"""

from itertools import pairwise

import pytest
import torch

from worldreel.sampling import Euler, Multistep, Stochastic, UniPC, sample, schedule

TOKENS, CHANNELS = 96, 3


class Gaussian:
    """Data of independent tokens, with a mean and a standard deviation for each value."""

    def __init__(self):
        generator = torch.Generator().manual_seed(0)
        self.mean = torch.randn(TOKENS, CHANNELS, generator=generator, dtype=torch.float64)
        self.std = 0.2 + torch.rand(TOKENS, CHANNELS, generator=generator, dtype=torch.float64)
        self.noise = torch.randn(TOKENS, CHANNELS, generator=generator, dtype=torch.float64)
        self.known = self.mean + self.std * torch.randn(TOKENS, CHANNELS, generator=generator, dtype=torch.float64)

    def spread(self, level):
        return ((1 - level) ** 2 * self.std**2 + level**2).sqrt()

    def predict(self, tokens, levels):
        """E[x_0 | x_t], the best any network could say."""
        t = levels[:, None].double()
        return self.mean + self.std**2 * (1 - t) / self.spread(t) ** 2 * (tokens - (1 - t) * self.mean)

    def ends(self, tokens, levels):
        """Where the flow takes tokens of these levels [N, 1]."""
        return self.mean + self.std * (tokens - (1 - levels) * self.mean) / self.spread(levels)


@pytest.fixture(scope="module")
def gaussian():
    return Gaussian()


@pytest.fixture
def ceilings():
    """A third of the tokens each: given, half known, made up; they take turns, as in a real canvas."""
    return torch.tensor([0.0, 0.6, 1.0]).repeat(TOKENS // 3)


def errors(made, exact):
    return float((made - exact).abs().max())


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_the_error_falls_with_the_first_order_of_the_step(gaussian, shift):
    exact = gaussian.ends(gaussian.noise, torch.ones(TOKENS, 1))
    found = [errors(sample(gaussian.predict, gaussian.noise, schedule(steps, shift)), exact) for steps in (125, 250, 500)]
    assert found[2] < 0.015
    assert found[0] / found[1] == pytest.approx(2, abs=0.15)
    assert found[1] / found[2] == pytest.approx(2, abs=0.15)


@pytest.mark.parametrize("shift", [1.0, 3.0])
@pytest.mark.parametrize("ceiling", [1.0, 0.6])
def test_the_multistep_error_falls_with_the_second_order_of_the_step(gaussian, shift, ceiling):
    top = torch.full((TOKENS,), ceiling, dtype=torch.float64)
    start = (1 - ceiling) * gaussian.known + ceiling * gaussian.noise
    exact = gaussian.ends(start, top[:, None])
    found = []
    for steps in (200, 400, 800):  # of which some 0.6 are not a level: the first step after a release is shorter
        levels = schedule(steps, shift).double()
        made = sample(gaussian.predict, gaussian.noise, levels, gaussian.known, top, solver=Multistep())
        found.append(errors(made, exact))
    assert found[2] < 1e-4
    assert found[0] / found[1] == pytest.approx(4, abs=0.7)
    assert found[1] / found[2] == pytest.approx(4, abs=0.7)


@pytest.mark.parametrize("ceiling", [1.0, 0.6])
def test_so_does_the_error_of_predictor_and_corrector(gaussian, ceiling):
    top = torch.full((TOKENS,), ceiling, dtype=torch.float64)
    start = (1 - ceiling) * gaussian.known + ceiling * gaussian.noise
    exact = gaussian.ends(start, top[:, None])
    found = []
    for steps in (100, 200, 400):
        levels = schedule(steps, 1.0).double()
        found.append(errors(sample(gaussian.predict, gaussian.noise, levels, gaussian.known, top, solver=UniPC()), exact))
    assert found[2] < 1e-4
    assert found[0] / found[1] == pytest.approx(4, abs=0.7)
    assert found[1] / found[2] == pytest.approx(4, abs=0.7)


def test_the_corrector_leaves_alone_what_was_put_elsewhere(gaussian):
    """As `sample_whole` does with what is known: such tokens set out anew from where they are."""
    levels, solver = schedule(6, 1.0).double(), UniPC()
    one, two, three = (levels[place].expand(TOKENS) for place in range(3))
    solver.step(gaussian.noise, gaussian.mean, one, two)
    made = solver.step(gaussian.known, gaussian.mean, two, three)
    assert errors(made, Euler().step(gaussian.known, gaussian.mean, two, three)) < 1e-12


def test_a_point_is_reached_in_any_number_of_steps(gaussian):
    """Where the prediction does not depend on the noise, the flow is straight, and one step is enough."""
    for steps in (1, 2, 9):
        made = sample(lambda tokens, levels: gaussian.mean, gaussian.noise, schedule(steps, 2.0))
        assert errors(made, gaussian.mean) < 1e-6


def test_one_step_is_the_first_guess(gaussian):
    made = sample(gaussian.predict, gaussian.noise, schedule(1, 1.0))
    assert torch.equal(made, gaussian.predict(gaussian.noise, torch.ones(TOKENS)))


@pytest.mark.parametrize(("solver", "order"), [(Euler, 1), (Multistep, 2), (UniPC, 2)])
def test_ceilings_of_0_and_0_6_and_1_together_are_exact(gaussian, ceilings, solver, order):
    top = ceilings[:, None].double()
    start = (1 - top) * gaussian.known + top * gaussian.noise
    exact = torch.where(top > 0, gaussian.ends(start, top), gaussian.known)
    found = []
    for steps in (125, 250, 500):
        levels = schedule(steps, 1.0).double()
        made = sample(gaussian.predict, gaussian.noise, levels, gaussian.known, ceilings.double(), solver=solver())
        assert made.isfinite().all()
        assert torch.equal(made[ceilings == 0], gaussian.known[ceilings == 0])
        found.append([errors(made[ceilings == ceiling], exact[ceilings == ceiling]) for ceiling in (0.6, 1.0)])
    assert max(found[2]) < 0.015
    for coarse, fine in pairwise(found):
        for more, less in zip(coarse, fine, strict=True):
            assert more / less == pytest.approx(2**order, rel=0.2)


@pytest.mark.parametrize("steps", [1, 2, 3, 30])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("solver", [Euler, Multistep, UniPC])
def test_any_number_of_steps_stays_finite(gaussian, ceilings, steps, dtype, solver):
    noise, known = gaussian.noise.to(dtype), gaussian.known.to(dtype)

    def predict(tokens, levels):
        return gaussian.predict(tokens, levels).to(dtype)

    made = sample(predict, noise, schedule(steps, 1.0), known, ceilings, solver=solver())
    assert made.isfinite().all()
    assert torch.equal(made[ceilings == 0], known[ceilings == 0])


def test_tokens_wait_below_their_ceiling(gaussian, ceilings):
    """Until the level falls below 0.6, half known tokens stay as they are, and the model is told the level they have."""
    seen = []

    def predict(tokens, levels):
        seen.append((tokens.clone(), levels.clone()))
        return gaussian.predict(tokens, levels)

    levels = schedule(10, 1.0)
    sample(predict, gaussian.noise, levels, gaussian.known, ceilings)
    for level, (tokens, told) in zip(levels, seen, strict=False):
        assert torch.equal(told, torch.minimum(level, ceilings))
        half = ceilings == 0.6
        held = torch.equal(tokens[half], seen[0][0][half])
        assert held == (float(level) > 0.55)


@pytest.mark.parametrize("solver", [Euler, Multistep, UniPC])
def test_steps_that_would_hold_every_token_are_not_taken(gaussian, solver):
    """Taken, as they are beside a token that is made up, they change nothing."""
    levels, asked, steps = schedule(20, 2.0), [], []
    half = torch.full((TOKENS,), 0.4)
    ceilings = torch.cat([half, torch.ones(1)])

    def predict(tokens, levels):
        return gaussian.predict(tokens[:TOKENS], levels[:TOKENS])

    def with_another(tokens, levels):
        asked.append(levels)
        return torch.cat([predict(tokens, levels), tokens[TOKENS:]])

    noise, known = (torch.cat([values, values[:1]]) for values in (gaussian.noise, gaussian.known))
    whole = sample(with_another, noise, levels, known, ceilings, solver=solver())
    made = sample(predict, gaussian.noise, levels, gaussian.known, half, steps.append, solver())
    assert torch.equal(made, whole[:TOKENS])
    taken = int((levels[1:] < 0.4).sum())
    assert len(asked) == 20 and 0 < taken < 10
    assert [(step.number, step.of) for step in steps] == [(number, taken) for number in range(1, taken + 1)]


def test_where_all_is_given_the_model_is_not_asked(gaussian):
    made = sample(None, gaussian.noise, schedule(5, 1.0), gaussian.known, torch.zeros(TOKENS))
    assert torch.equal(made, gaussian.known)


def test_without_ceilings_all_is_made_up(gaussian):
    levels = schedule(5, 1.0)
    free = sample(gaussian.predict, gaussian.noise, levels)
    assert torch.equal(free, sample(gaussian.predict, gaussian.noise, levels, gaussian.known, torch.ones(TOKENS)))


def test_the_callback_sees_every_step(gaussian):
    steps, levels = [], schedule(4, 2.0)
    sample(gaussian.predict, gaussian.noise, levels, callback=steps.append)
    assert [(step.number, step.of) for step in steps] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [step.level for step in steps] == levels[1:].tolist()
    assert torch.equal(steps[0].clean, gaussian.predict(gaussian.noise, torch.ones(TOKENS)))


def test_noise_is_left_as_it_was(gaussian):
    before = gaussian.noise.clone()
    sample(gaussian.predict, gaussian.noise, schedule(3, 1.0))
    assert torch.equal(gaussian.noise, before)


def stochastic(share, seed=0):
    return Stochastic(torch.Generator().manual_seed(seed), share)


def test_without_new_noise_the_stochastic_method_is_eulers(gaussian, ceilings):
    ways = (Euler(), stochastic(0.0))
    made = [sample(gaussian.predict, gaussian.noise, schedule(20, 3.0), gaussian.known, ceilings, solver=way) for way in ways]
    assert errors(made[1], made[0]) < 1e-5  # levels are of single precision


def test_new_noise_leaves_the_mean_where_it_is_and_makes_samples_no_more_different(gaussian):
    """Of many samples from one start, by how many of its own standard deviations each value lies from the mean."""
    made = [
        sample(gaussian.predict, gaussian.noise, schedule(60, 3.0), solver=stochastic(share, seed))
        for share in (0.3, 0.6)
        for seed in range(40)
    ]
    spread = (torch.stack(made).view(2, 40, TOKENS, CHANNELS) - gaussian.mean) / gaussian.std
    assert float(spread.mean(dim=(2, 3)).abs().max()) < 0.25
    less, more = spread.square().mean(dim=(1, 2, 3)).sqrt().tolist()
    assert 0.3 < more < less < 1


def test_new_noise_is_the_generators_and_leaves_held_tokens_alone(gaussian, ceilings):
    made = [
        sample(gaussian.predict, gaussian.noise, schedule(12, 1.0), gaussian.known, ceilings, solver=stochastic(0.6, seed))
        for seed in (0, 0, 1)
    ]
    assert torch.equal(made[0], made[1])
    given = ceilings == 0
    assert torch.equal(made[0][given], gaussian.known[given]) and torch.equal(made[2][given], gaussian.known[given])
    assert bool((made[0] != made[2])[~given].any(dim=1).all())
