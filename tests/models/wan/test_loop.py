"""A whole Wan repository makes what diffusers' pipelines make of it, from the same noise: fp32, CPU, ten steps, guidance."""

import numpy as np
import pytest
import torch
from PIL import Image

import worldreel
from tests.media.making import moving
from tests.models.wan.repositories import FAMILIES, SCHEDULERS
from worldreel.generation import Settings, generate, plan
from worldreel.generation.filling import denoised
from worldreel.media import Clip
from worldreel.models import load_model
from worldreel.models.lowering import lower
from worldreel.patches import from_tokens, to_tokens
from worldreel.shapes import VideoShape

TOLERANCE = 1e-4
FRAMES, STEPS = 9, 10
PROMPT, NEGATIVE = "a dog  walks &amp;amp; runs\n slowly", "blur"


def error(ours, theirs):
    """Norm of the difference over norm."""
    return float((ours - theirs).norm() / theirs.norm())


def size(family):
    return 3 * family.side, 2 * family.side


@pytest.fixture
def given():
    """Of an image: what our modes take, and what diffusers' pipelines take."""

    def make(family):
        width, height = size(family)
        pixels = moving(1, height, width)[0]
        return Clip.from_array(pixels[None], 16), Image.fromarray(pixels)

    return make


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("name", FAMILIES)
def test_the_loop_gives_the_same_latents(repository, given, name, scheduler):
    family = FAMILIES[name]
    pipe, folder = repository(name, scheduler)
    assert len(list((folder / "transformer").glob("*.safetensors"))) > 1
    model = load_model(str(folder))
    clip, image = given(family)
    width, height = size(family)
    settings = Settings(negative=NEGATIVE, steps=STEPS, seed=3)
    if family.image:
        settled = plan(model.config, "animate", clip, PROMPT, frames=FRAMES, fps=16, settings=settings)
    else:
        settled = plan(model.config, "generate", PROMPT, size=f"{width}x{height}", frames=FRAMES, settings=settings)
    assert settled.solver == scheduler and settled.experimental == ()
    (canvas,) = settled.composition.canvases
    with torch.inference_mode():
        lowered = lower(model, canvas)
        (piece,) = lowered.pieces
        made = denoised(model, canvas, lowered, settled, torch.Generator().manual_seed(3), lambda progress: None)
        noise = torch.randn(lowered.tokens, model.config.token_channels, generator=torch.Generator().manual_seed(3))
    shown = {"image": image} if family.image else {}
    guidance = dict(zip(("guidance_scale", "guidance_scale_2"), family.guidance, strict=False))
    wanted = pipe(
        prompt=PROMPT,
        negative_prompt=NEGATIVE,
        width=width,
        height=height,
        num_frames=FRAMES,
        num_inference_steps=STEPS,
        latents=from_tokens(noise, piece.grid, 2)[None],
        output_type="latent",
        **shown,
        **guidance,
    ).frames
    found = error(made, to_tokens(wanted[0], 2))
    assert found <= TOLERANCE
    assert error(made, noise) > 0.1


def test_the_same_video(repository):
    """Pixels too, through both decoders."""
    pipe, folder = repository("2.1 text", "unipc")
    model = worldreel.load(str(folder), "cpu")
    made = model.generate(PROMPT, size="48x32", frames=FRAMES, steps=4, seed=5, negative=NEGATIVE).array()
    noise = torch.randn(18, 16, generator=torch.Generator().manual_seed(5))
    grid = model.model.config.grid(VideoShape(FRAMES, 32, 48), 16)
    wanted = pipe(
        prompt=PROMPT,
        negative_prompt=NEGATIVE,
        width=48,
        height=32,
        num_frames=FRAMES,
        num_inference_steps=4,
        latents=from_tokens(noise, grid, 2)[None],
    ).frames[0]
    assert made.shape == wanted.shape
    assert np.abs(made - wanted * 255).max() <= 1


def test_an_image_comes_alive(repository, given):
    for name in ("2.1 image", "2.2 5B image"):
        clip, _ = given(FAMILIES[name])
        model = load_model(str(repository(name)[1]))
        made = generate(model, "animate", clip, "a dog", frames=6, settings=Settings(steps=2, seed=1))
        assert made.array().shape[0] == 6
        assert np.array_equal(made.array()[0], clip.array()[0])
        assert "experimental" not in made.metadata
