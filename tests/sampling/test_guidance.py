import pytest
import torch

from worldreel.sampling import guided


@pytest.fixture
def halves():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(6, 4, generator=generator), torch.randn(6, 4, generator=generator)


def test_scale_one_is_conditional_and_zero_unconditional(halves):
    conditional, unconditional = halves
    assert torch.allclose(guided(conditional, unconditional, 1.0), conditional, atol=1e-6)
    assert torch.equal(guided(conditional, unconditional, 0.0), unconditional)


def test_guidance_goes_on_in_a_straight_line(halves):
    conditional, unconditional = halves
    moved = [guided(conditional, unconditional, scale) for scale in (2.0, 3.0, 4.0)]
    for further, nearer in zip(moved[1:], moved, strict=False):
        assert torch.allclose(further - nearer, conditional - unconditional, atol=1e-5)


def test_rescaling_gives_the_spread_of_the_conditional_half_back(halves):
    conditional, unconditional = halves
    pushed = guided(conditional, unconditional, 7.0)
    whole = guided(conditional, unconditional, 7.0, rescale=1.0)
    assert torch.allclose(whole.std(dim=1), conditional.std(dim=1), rtol=1e-4)  # by token: no clip of a pack feels another
    half = guided(conditional, unconditional, 7.0, rescale=0.5)
    assert torch.allclose(half, (pushed + whole) / 2, atol=1e-5)
