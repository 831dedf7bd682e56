from fractions import Fraction

import pytest

from worldreel.errors import UserError
from worldreel.generation import Request, plan
from worldreel.generation.request import estimate_memory
from worldreel.models import load_config


@pytest.fixture
def config(model_folder):
    return load_config(str(model_folder))


def test_defaults_fill_what_was_left_open(config):
    settled = plan(Request(prompt=" a dog "), config)
    assert (settled.prompt, settled.negative, settled.width, settled.height) == ("a dog", "", 32, 32)
    assert (settled.frames, settled.fps, settled.steps, settled.guidance) == (6, 12, 2, 4)
    assert 0 <= settled.seed < 2**31


@pytest.mark.parametrize(
    ("fps", "exact"), [(23.976, Fraction(2997, 125)), (24000 / 1001, Fraction(24000, 1001)), (0.1, Fraction(1, 10))]
)
def test_rates_are_exact(config, fps, exact):
    assert plan(Request(prompt="a dog", fps=fps), config).fps == exact


@pytest.mark.parametrize(("seconds", "fps", "frames"), [(2, 12, 24), (0.001, 12, 1), (1, 7, 7), (0.5, 25, 12), (60, 12, 720)])
def test_seconds_to_frames(config, seconds, fps, frames):
    assert plan(Request(prompt="a dog", seconds=seconds, fps=fps), config).frames == frames


@pytest.mark.parametrize("sides", [{"width": 0}, {"height": -8}, {"width": 1025}, {"width": 100_000, "height": 100_000}])
def test_sides_that_cannot_be(config, sides):
    with pytest.raises(UserError, match="--size"):
        plan(Request(prompt="a dog", **sides), config)


def test_the_estimate_grows_with_the_request(config):
    small, large = (plan(Request(prompt="a dog", width=side, height=side), config) for side in (64, 512))
    assert estimate_memory(large, config) > 10 * estimate_memory(small, config)
