"""What the network meets at a step of sampling. The model's weights are random."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from tests.media.making import moving
from worldreel.generation import Settings, plan
from worldreel.generation.predictor import predictor
from worldreel.models.lowering import lower
from worldreel.models.windows import windows_of
from worldreel.prompting import Canvas, Cue

GUIDED = 2.0
CLOSE = 1e-5


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    """Guidance enlarges what passes of one half and of two round apart in bf16."""
    monkeypatch.setattr("worldreel.models.bundle.compute_dtype", lambda device: torch.float32)


def step(handle, canvas, guidance=GUIDED, late_guidance=None):
    """A canvas lowered; tokens and levels of a step, and what the model predicts for them."""
    model = handle.model
    lowered = lower(model, canvas)
    chance = torch.Generator().manual_seed(0)
    tokens = torch.randn(lowered.known.shape, generator=chance)
    levels = torch.minimum(torch.tensor(0.75), lowered.ceilings)
    settled = plan(model.config, "generate", "a dog", settings=Settings(seed=0, guidance=guidance, late_guidance=late_guidance))
    predict = predictor(model, canvas, lowered, windows_of(model.config, canvas, lowered), settled, chance)
    with torch.inference_mode():
        return lowered, tokens, levels, predict(tokens, levels)


def seen(handle, lowered, tokens, levels, prompt):
    with torch.inference_mode():
        return handle.model.denoise(tokens, levels, lowered.layout(lowered.all_read(0)), handle.model.read([prompt]))


def canvas_of(ceilings):
    return Canvas(
        moving(len(ceilings), 32, 32), np.array(ceilings, np.float32)[:, None, None], Fraction(12), (Cue(0.0, "a dog"),)
    )


@pytest.mark.parametrize("ceilings", [[1.0] * 9, [0.5] * 9, [0] * 5 + [1] * 4], ids=["text", "draft", "prefix"])
def test_guidance_leads_away_from_no_prompt(handle, ceilings):
    lowered, tokens, levels, made = step(handle, canvas_of(ceilings))
    told, untold = (seen(handle, lowered, tokens, levels, prompt) for prompt in ("a dog", ""))
    expected = untold + GUIDED * (told - untold)
    assert float((made - expected).norm() / expected.norm()) < CLOSE


@pytest.mark.parametrize("was", [None, "a cat"])
def test_an_edit_is_shown_what_it_edits_and_led_away_from_what_that_is_said_to_be(editor, was):
    canvas = replace(canvas_of([0.5] * 8 + [1.0]), edited=True, was=was)
    lowered, tokens, levels, made = step(editor, canvas)
    shown = lowered.ceilings < 1
    assert shown.any() and not shown.all() and lowered.extra is not None
    sources = lowered.extra.channels
    assert torch.equal(sources[shown, :-1], lowered.known[shown]) and not sources[~shown].any()
    assert torch.equal(sources[:, -1] == 1, shown)

    def told(prompt, extra):
        with torch.inference_mode():
            texts, layout = editor.model.read([prompt]), lowered.layout(lowered.all_read(0))
            return editor.model.denoise(tokens, levels, layout, texts, extra)

    away = told(was or "", lowered.extra)
    expected = away + GUIDED * (told("a dog", lowered.extra) - away)
    assert float((made - expected)[shown].norm() / expected[shown].norm()) < CLOSE
    assert float((told("a dog", lowered.extra) - told("a dog", None)).abs().max()) > 0.05


def test_the_more_may_change_the_less_of_what_is_edited_counts(editor):
    """Up to a ceiling all of it; at 1 none; between, a share."""
    shares = {0.7: 1.0, 0.88: 0.5, 1.0: 0.0}
    canvas = replace(canvas_of([0.7] * 5 + [0.88] * 4), edited=True, was="a cat")
    lowered, tokens, levels, made = step(editor, canvas)

    def told(prompt, extra):
        with torch.inference_mode():
            texts, layout = editor.model.read([prompt]), lowered.layout(lowered.all_read(0))
            return editor.model.denoise(tokens, levels, layout, texts, extra)

    shown, unseen = (
        told(away, extra) + GUIDED * (told("a dog", extra) - told(away, extra))
        for away, extra in (("a cat", lowered.extra), ("", None))
    )
    share = torch.tensor([shares[round(float(ceiling), 2)] for ceiling in lowered.ceilings])[:, None]
    assert set(share.flatten().tolist()) == {1.0, 0.5}
    expected = unseen + share * (shown - unseen)
    assert float((made - expected).norm() / expected.norm()) < CLOSE


def test_what_is_not_edited_is_not_shown(editor, handle):
    assert lower(editor.model, canvas_of([0.5] * 9)).extra is None  # a blend
    assert lower(handle.model, replace(canvas_of([0.5] * 9), edited=True)).extra is None  # never taught edits


def test_without_guidance_there_is_no_other_half(handle):
    lowered, tokens, levels, made = step(handle, canvas_of([0] * 5 + [1] * 4), guidance=1.0)
    told = seen(handle, lowered, tokens, levels, "a dog")
    assert float((made - told).norm() / told.norm()) < CLOSE


@pytest.mark.parametrize("longest", [10_000, 1])
def test_late_guidance_goes_with_the_expert(pair, monkeypatch, longest):
    """Below the boundary a clip too long for it stays with the transformer, and with its guidance."""
    monkeypatch.setattr("worldreel.models.model.LONGEST", longest)
    lowered, tokens, levels, made = step(pair, canvas_of([0.5] * 9), late_guidance=1.0)
    told, untold = (seen(pair, lowered, tokens, levels, prompt) for prompt in ("a dog", ""))
    expected = told if longest > 1 else untold + GUIDED * (told - untold)
    assert float((made - expected).norm() / expected.norm()) < CLOSE
