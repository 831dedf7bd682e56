import pytest
import torch

from worldreel.flow import shifted
from worldreel.sampling import schedule


@pytest.mark.parametrize("steps", [1, 2, 7, 500])
@pytest.mark.parametrize("shift", [1.0, 2.5])
def test_schedules_fall_from_one_to_zero(steps, shift):
    levels = schedule(steps, shift)
    assert len(levels) == steps + 1
    assert (float(levels[0]), float(levels[-1])) == (1, 0)
    assert (levels.diff() < 0).all()


def test_without_shift_steps_are_even():
    assert torch.allclose(schedule(8, 1.0), torch.linspace(1, 0, 9))


def test_sampling_is_shifted_as_training_is():
    assert torch.allclose(schedule(10, 2.5), shifted(torch.linspace(1, 0, 11), 2.5))
