from fractions import Fraction

import numpy as np
import pytest

from worldreel.errors import UserError
from worldreel.generation import Settings, plan
from worldreel.generation.memory import estimate_memory
from worldreel.generation.plan import bounds
from worldreel.media import Clip
from worldreel.models import load_config
from worldreel.shapes import VideoShape


@pytest.fixture
def config(model_folder):
    return load_config(str(model_folder))


def test_defaults_fill_what_was_left_open(config):
    settled = plan(config, "generate", " a dog ")
    result = settled.composition
    assert (settled.mode, settled.prompt, settled.negative) == ("generate", "a dog", "")
    assert (result.width, result.height, result.frames, result.fps) == (32, 32, 6, 12)
    assert (settled.steps, settled.guidance, settled.solver) == (2, 4, "euler")
    assert 0 <= settled.seed < 2**31


def test_given_pixels_have_a_guidance_of_their_own(config):
    clip = Clip.from_array(np.full((5, 32, 32, 3), 9, np.uint8), 12)
    defaults = config.defaults.model_copy(update={"given_guidance": 1.5})
    config = config.model_copy(update={"defaults": defaults})
    [text] = plan(config, "generate", "a dog").composition.canvases
    settled = plan(config, "extend", clip, "a dog")
    [given] = settled.composition.canvases
    assert settled.scales(text) == (4, 4) and settled.scales(given) == (1.5, 1.5)
    asked = plan(config, "extend", clip, "a dog", settings=Settings(guidance=2.0))
    assert asked.scales(given) == (2, 2)
    assert settled.guided and not asked.muted().guided
    assert asked.muted().scales(given) == (1, 1)


def test_a_draft_takes_eight_steps_of_the_multistep_solver(config):
    settled = plan(config, "generate", "a dog", settings=Settings(draft=True))
    assert (settled.steps, settled.solver) == (8, "multistep")
    with pytest.raises(UserError, match="--draft and --steps 30"):
        plan(config, "generate", "a dog", settings=Settings(draft=True, steps=30))


@pytest.mark.parametrize(
    ("fps", "exact"), [(23.976, Fraction(2997, 125)), (24000 / 1001, Fraction(24000, 1001)), (0.1, Fraction(1, 10))]
)
def test_rates_are_exact(config, fps, exact):
    assert plan(config, "generate", "a dog", fps=fps).composition.fps == exact


@pytest.mark.parametrize(("seconds", "fps", "frames"), [(2, 12, 24), (0.001, 12, 1), (1, 7, 7), (0.5, 25, 12), (60, 12, 720)])
def test_seconds_to_frames(config, seconds, fps, frames):
    assert plan(config, "generate", "a dog", seconds=seconds, fps=fps).composition.frames == frames


@pytest.mark.parametrize("size", ["0x8", "8x0", "2049x64", "100000x100000"])
def test_sides_that_cannot_be(config, size):
    with pytest.raises(UserError, match="--size"):
        plan(config, "generate", "a dog", size=size)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"steps": 0}, "--steps 0"),
        ({"guidance": -1}, "--guidance -1"),
        ({"late_guidance": 1e9}, "--late-guidance 1000000000"),
        ({"seed": -1}, "--seed -1"),
        ({"negative": "x" * 5000}, "5000"),
    ],
)
def test_settings_that_cannot_be(config, settings, says):
    with pytest.raises(UserError, match=says):
        plan(config, "generate", "a dog", settings=Settings(**settings))


def test_what_a_model_was_not_taught_is_experimental(config):
    """The small model was taught to make videos from text alone."""
    assert plan(config, "generate", "a dog").experimental == ()
    settled = plan(config, "generate", "a dog", frames=9, loop=True)
    assert settled.experimental == ("both ends",)
    assert settled.composition.notes == ("experimental: small was not taught canvases of the kind both ends",)
    knows = config.knows.model_copy(update={"canvases": ("text", "both ends")})
    assert plan(config.model_copy(update={"knows": knows}), "generate", "a dog", frames=9, loop=True).experimental == ()


def test_every_prompt_of_every_canvas_is_checked(config):
    for prompt, says in (("  ", "the prompt is empty"), ("x" * 4001, "4001 characters")):
        with pytest.raises(UserError, match=says):
            plan(config, "image", prompt)
    assert plan(config, "image", "a \udcff dog").prompt == "a ? dog"


def test_the_estimate_grows_with_the_request(config):
    small, large = (estimate_memory(VideoShape(6, side, side), Fraction(12), config) for side in (64, 512))
    assert large > 10 * small


def test_bounds_are_what_the_model_knows(config):
    knows = config.knows.model_copy(update={"sizes": ("64x48", "32x32"), "seconds": (0.0, 3.1), "fps": (6.0, 24.0)})
    found = bounds(config.model_copy(update={"knows": knows}))
    assert (found.sizes, found.longest, found.fastest) == (((64, 48), (32, 32)), 3.1, 24)
