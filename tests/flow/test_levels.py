import math

import pytest
import torch

from worldreel.flow import draw_levels, length_shift, shifted


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_levels_are_logit_normal_and_the_shift_moves_their_mean(shift):
    """The shift multiplies the odds t / (1 - t), so it adds its logarithm to the logit (Esser et al. 2024)."""
    levels = draw_levels(100_000, shift, torch.Generator().manual_seed(0))
    assert float(levels.min()) > 0
    assert float(levels.max()) < 1
    logits = levels.double().logit()
    assert float(logits.mean()) == pytest.approx(math.log(shift), abs=0.03)
    assert float(logits.std()) == pytest.approx(1.6, abs=0.03)


def test_the_same_generator_draws_the_same_levels():
    first, second = (draw_levels(5, 2.0, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, second)


def test_shifting_keeps_the_ends_and_the_order():
    even = torch.linspace(0, 1, 101)
    assert torch.equal(shifted(even, 1.0), even)
    moved = shifted(even, 3.0)
    assert (moved[0], moved[-1]) == (0, 1)
    assert (moved.diff() > 0).all()
    assert (moved[1:-1] > even[1:-1]).all()


def test_long_sequences_are_shifted_by_the_square_root_of_their_length():
    assert length_shift(64) == 2
    assert length_shift(1) == length_shift(16) == 1
    assert length_shift(10**6) == 8
