"""Large canvases are filled window by window; small ones are as they ever were."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from tests.media.making import moving
from worldreel.generation import Settings, generate, plan
from worldreel.generation.filling import denoised
from worldreel.media import Clip
from worldreel.models.bundle import Descent
from worldreel.models.lowering import lower
from worldreel.prompting import Canvas, Cue
from worldreel.sampling import Euler, Multistep, guided, sample, schedule

SOLVERS: dict[str, type[Euler] | type[Multistep]] = {"euler": Euler, "multistep": Multistep}


def draft(frames, height, width, level=0.6):
    ceilings = np.full((frames, 1, 1), level, np.float32)
    return Canvas(moving(frames, height, width), ceilings, Fraction(12), (Cue(0.0, "a dog"), Cue(0.4, "a cat")))


def settled(config, **settings):
    return plan(config, "generate", "a dog", settings=Settings(seed=5, steps=4, **settings))


def made(model, canvas, **settings):
    with torch.inference_mode():
        lowered = lower(model, canvas)
        generator = torch.Generator().manual_seed(5)
        return denoised(model, canvas, lowered, settled(model.config, **settings), generator, lambda progress: None)


def recorded(model, monkeypatch):
    """Lengths of the segments of every pack that the model denoises from now on."""
    seen, denoise = [], model.denoise

    def denoised(tokens, levels, layout, texts, extra=None, kept=None):
        seen.append(layout.segments)
        return denoise(tokens, levels, layout, texts, extra, kept)

    monkeypatch.setattr(model, "denoise", denoised)
    return seen


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("guidance", [1.0, 4.0])
@pytest.mark.parametrize("level", [0.6, 1.0])
def test_one_window_is_no_window(handle, solver, guidance, level):
    """The very bits of the canvas as one pack."""
    model, canvas = handle.model, draft(9, 32, 32, level)
    with torch.inference_mode():
        lowered, texts = lower(model, canvas), model.read(["a dog", "a cat", ""])
        alone, both = lowered.layout(lowered.readers), lowered.layout(lowered.readers, lowered.all_read(2))

        def predict(tokens, levels):
            if guidance == 1:
                return model.denoise(tokens, levels, alone, texts[:-1])
            conditional, unconditional = model.denoise(torch.cat([tokens] * 2), torch.cat([levels] * 2), both, texts).chunk(2)
            return guided(conditional, unconditional, guidance)

        noise = torch.randn(lowered.tokens, model.config.token_channels, generator=torch.Generator().manual_seed(5))
        levels = schedule(4, model.config.shift(lowered.tokens))
        whole = sample(predict, noise, levels, lowered.known, lowered.ceilings, solver=SOLVERS[solver]())
    assert torch.equal(made(model, canvas, solver=solver, guidance=guidance), whole)


@pytest.fixture
def alone(handle, monkeypatch):
    """The model with a transformer in which every token is by itself, and with a schedule for any number of tokens."""
    model = handle.model
    monkeypatch.setattr(model, "config", model.config.model_copy(update={"descent": Descent(shift=3.0)}))

    def denoise(tokens, levels, layout, texts, extra=None, kept=None):
        text = torch.empty(len(tokens))
        for span in layout.spans:
            text[span.start : span.stop] = texts[span.text].mean()
        return torch.sin(tokens + text[:, None]) * (1 - levels[:, None] / 2)

    monkeypatch.setattr(model, "denoise", denoise)
    return model


@pytest.mark.parametrize("settings", [{"solver": "euler"}, {"solver": "multistep"}, {"guidance": 1.0}])
@pytest.mark.parametrize("shape", [(5, 70, 90), (49, 32, 20), (37, 33, 65)])
def test_tokens_that_are_by_themselves_do_not_notice_windows(alone, monkeypatch, settings, shape):
    canvas = draft(*shape)
    parts = made(alone, canvas, **settings)
    knows = alone.config.knows.model_copy(update={"sizes": ("512x512",), "seconds": (0.0, 60.0)})
    monkeypatch.setattr(alone, "config", alone.config.model_copy(update={"knows": knows}))
    calls = recorded(alone, monkeypatch)
    whole = made(alone, canvas, **settings)
    assert all(len(segments) <= 2 for segments in calls)
    assert float((parts - whole).abs().max()) < 1e-5


@pytest.mark.parametrize("seed", range(4))
def test_drafts_of_any_size_are_enlarged(handle, seed):
    rng = np.random.default_rng(seed)
    frames, height, width = (int(value) for value in rng.integers((1, 33, 33), (10, 120, 120)))
    clip = Clip.from_array(moving(frames, 20, 30), 12)
    settings = Settings(seed=1, steps=3, solver="multistep" if seed % 2 else "euler")
    found = [
        generate(handle.model, "enlarge", clip, "a dog", size=f"{width}x{height}", settings=settings).array() for _ in range(2)
    ]
    assert found[0].shape == (frames, height, width, 3)
    assert np.array_equal(found[0], found[1])


def test_weights_with_one_level_are_filled_in_windows_too(handle, monkeypatch):
    monkeypatch.setattr(handle.model, "config", handle.model.config.model_copy(update={"levels": "sample"}))
    clip = Clip.from_array(moving(5, 20, 30), 12)
    made = generate(handle.model, "enlarge", clip, "a dog", size="90x60", settings=Settings(seed=1, steps=3))
    assert made.array().shape == (5, 60, 90, 3)


def test_every_window_attends_by_itself(handle, monkeypatch):
    model, seen = handle.model, recorded(handle.model, monkeypatch)
    made(model, draft(5, 70, 90, 0.3))
    assert {length for segments in seen for length in segments} == {8}
    assert len(seen[0]) == 2 * 4 * 5
