import diffusers
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


@pytest.mark.parametrize("steps", [1, 2, 7, 50])
@pytest.mark.parametrize("shift", [1.0, 3.0, 12.0])
def test_schedules_of_published_weights(steps, shift):
    """Those that diffusers' two schedulers make of their thousand levels, of which the lowest is above 0."""
    euler = diffusers.FlowMatchEulerDiscreteScheduler(shift=shift)
    euler.set_timesteps(steps)
    least = float(shifted(torch.tensor(0.001, dtype=torch.float64), shift))
    assert torch.allclose(schedule(steps, shift, least, reaches_least=True), euler.sigmas, atol=1e-6)
    unipc = diffusers.UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift)
    unipc.set_timesteps(steps)
    assert torch.allclose(schedule(steps, shift, 0.001), unipc.sigmas, atol=2e-6)
