"""What is kept between steps changes nothing; what `fast` saves is what it says, and it says what that costs."""

import numpy as np
import pytest

from worldreel.evaluation.obedience import draw_prompts, make_clips
from worldreel.evaluation.suites.worlds import WorldsSettings
from worldreel.generation import Settings, carry_out, plan
from worldreel.models import Fast
from worldreel.transformer.kept import Kept


@pytest.fixture
def make(handle, monkeypatch):
    """A clip, and for each call of the model how many tokens it had and their level."""

    def made(fast=None, **settings):
        model, calls = handle.model, []
        if fast is not None:
            defaults = model.config.defaults.model_copy(update={"fast": fast})
            monkeypatch.setattr(model, "config", model.config.model_copy(update={"defaults": defaults}))
        denoise = type(model).denoise

        def spy(tokens, levels, *given):
            calls.append((len(tokens), float(levels.max())))
            return denoise(model, tokens, levels, *given)

        monkeypatch.setattr(model, "denoise", spy)
        settled = plan(model.config, "generate", "a dog", settings=Settings(seed=1, steps=6, fast=fast is not None, **settings))
        return carry_out(model, settled), calls

    return made


def test_keys_of_texts_may_be_kept_or_not(make, handle, monkeypatch):
    held = []

    class Watched(Kept):
        def __init__(self, *given):
            super().__init__(*given)
            held.append(self)

    monkeypatch.setattr("worldreel.generation.predictor.Kept", Watched)
    kept = make()[0].array()
    assert any(one._pairs for one in held)
    held.clear()
    monkeypatch.setattr(handle.model, "memory", 2**40)  # where memory is bounded they are not
    assert np.array_equal(make()[0].array(), kept)
    assert held and not any(one._pairs for one in held)


def test_no_guidance_at_low_levels(make):
    exact, calls = make()
    assert len({count for count, _ in calls}) == 1
    both = calls[0][0]
    fast, fewer = make(Fast(near=0, guided_above=0.5))
    assert [level for _, level in fewer] == [level for _, level in calls]
    assert all(count == (both if level >= 0.5 else both // 2) for count, level in fewer)
    assert {count for count, _ in fewer} == {both, both // 2}
    assert not np.array_equal(fast.array(), exact.array())


def test_nothing_saved_nothing_lost(make):
    assert np.array_equal(make(Fast(near=0, guided_above=0))[0].array(), make()[0].array())


def test_it_says_what_it_costs(handle):
    config = handle.model.config
    (note,) = plan(config, "generate", "a dog", settings=Settings(fast=True)).composition.notes
    assert note == "fast: the result is not the exact one; what that costs with small: not measured"
    assert plan(config, "generate", "a dog").composition.notes == ()


def test_a_clip_says_that_it_was_made_fast(make):
    assert make(Fast(near=0.2, guided_above=0.5))[0].metadata["fast"] == "blocks passed over within 0.2, guidance from 0.5 up"
    assert "fast" not in make()[0].metadata


def test_a_suite_can_ask_for_it(handle, monkeypatch):
    assert WorldsSettings().changed(["fast=true"]).fast
    asked = []

    def watched(model, settled):
        asked.append(settled)
        return carry_out(model, settled)

    monkeypatch.setattr("worldreel.evaluation.obedience.carry_out", watched)
    for fast in (True, False):
        make_clips(handle.model, draw_prompts(1), lambda done: None, fast=fast)
    assert [settled.fast for settled in asked] == [True, False]
