"""Canvases that weights were not taught are filled too, and say so; what is unknown leaks into nothing that is known."""

import numpy as np
import pytest
import torch

from tests.media.making import moving
from tests.models.wan.repositories import FAMILIES
from worldreel.generation import Settings, generate, plan
from worldreel.media import Clip
from worldreel.models import load_model
from worldreel.models.lowering import lower
from worldreel.prompting import Canvas, Cue

FPS = 16


def load(repository, name):
    return load_model(str(repository(name)[1])), FAMILIES[name].side


def canvas_of(levels, side, seed=0):
    pixels = np.roll(moving(len(levels), side, 2 * side), seed, axis=2)
    return Canvas(pixels, np.array(levels, np.float32)[:, None, None], FPS, (Cue(0.0, "a dog"),))


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize(
    ("mode", "asked", "kind"),
    [
        ("extend", {"seconds": 0.25, "direction": "backward"}, "suffix"),
        ("fill", {"missing": "2:4"}, "both ends"),
        ("edit", {"strength": "0.6"}, "draft"),
    ],
)
def test_other_canvases_are_experimental(repository, name, mode, asked, kind):
    model, side = load(repository, name)
    clip = Clip.from_array(moving(6, side, side), FPS)
    settled = plan(model.config, mode, clip, "a dog", settings=Settings(seed=1, steps=2), **asked)
    assert settled.experimental == (kind,)
    assert any(note.startswith(f"experimental: {model.config.name} was not taught") for note in settled.composition.notes)
    made = generate(model, mode, clip, "a dog", settings=Settings(seed=1, steps=2), **asked)
    assert made.metadata["experimental"] == kind
    assert made.array().std() > 0
    if mode != "edit":
        kept = [frame for frame in clip.array() if (made.array() == frame).all(axis=(1, 2, 3)).any()]
        assert len(kept) == (6 if mode == "extend" else 4)


@pytest.mark.parametrize("name", ["2.1 text", "2.1 image", "2.2 5B"])
@pytest.mark.parametrize("levels", [[1] * 4 + [0] * 5, [0] + [1] * 8, [0] * 5 + [1] * 7 + [0] * 5])
def test_the_unknown_leaks_into_nothing(repository, name, levels):
    """A canvas is one run here, and the codec still meets nothing but what is known."""
    model, side = load(repository, name)
    canvas, other = canvas_of(levels, side), canvas_of(levels, side, seed=7)
    unknown = np.array(levels) == 1
    mixed = canvas.pixels.copy()
    mixed[unknown] = other.pixels[unknown]
    with torch.inference_mode():
        one, two = lower(model, canvas), lower(model, Canvas(mixed, canvas.ceilings, FPS, canvas.cues))
    assert len(one.pieces) == 1
    assert torch.equal(one.known, two.known)
    assert (one.extra is None) == (name != "2.1 image")
    if one.extra is not None:
        assert torch.equal(one.extra.channels, two.extra.channels) and torch.equal(one.extra.image, two.extra.image)


@pytest.mark.parametrize("name", ["2.2 5B", "2.2 5B image"])
def test_a_given_frame_stays_through_the_loop(repository, name):
    """Its tokens are at level 0, and end as the bits that they were."""
    from worldreel.generation.filling import denoised

    model, side = load(repository, name)
    clip = Clip.from_array(moving(1, side, side), FPS)
    settled = plan(model.config, "animate", clip, "a dog", frames=9, settings=Settings(seed=1, steps=3))
    (canvas,) = settled.composition.canvases
    with torch.inference_mode():
        lowered = lower(model, canvas)
        made = denoised(model, canvas, lowered, settled, torch.Generator().manual_seed(1), lambda progress: None)
    given = lowered.ceilings == 0
    assert int(given.sum()) == lowered.tokens // 3
    assert torch.equal(made[given], lowered.known[given])
    assert not torch.equal(made[~given], lowered.known[~given])


def test_weights_that_want_an_image_do_without(repository):
    model, _ = load(repository, "2.1 image")
    made = generate(model, "generate", "a dog", size="32x32", frames=5, settings=Settings(seed=1, steps=2))
    assert made.metadata["experimental"] == "text"
    assert made.array().shape == (5, 32, 32, 3)


def test_defaults_are_the_weights_own(repository):
    model, _ = load(repository, "2.2 A14B text")
    settled = plan(model.config, "generate", "a dog", settings=Settings(seed=1))
    result = settled.composition
    assert (result.width, result.height, result.frames, result.fps) == (832, 480, 81, 16)
    assert (settled.steps, settled.guidance, settled.late_guidance, settled.solver) == (40, 4.0, 3.0, "euler")
    assert settled.negative == model.config.defaults.negative != ""
    asked = plan(model.config, "generate", "a dog", settings=Settings(guidance=2.0, negative="", solver="unipc"))
    assert (asked.guidance, asked.late_guidance, asked.negative, asked.solver) == (2.0, 2.0, "", "unipc")
    both = plan(model.config, "generate", "a dog", settings=Settings(guidance=2.0, late_guidance=1.5))
    assert (both.guidance, both.late_guidance) == (2.0, 1.5)


def test_positions_are_numbers_of_latent_frames(repository):
    model, side = load(repository, "2.1 text")
    layout = lower(model, canvas_of([1] * 21, side)).layout(((6 * 2, 0),))
    assert layout.positions[:, 0].unique().tolist() == pytest.approx([0, 1, 2, 3, 4, 5], abs=1e-6)
