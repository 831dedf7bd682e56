import numpy as np
import pytest
import torch

from worldreel.evaluation import likeness
from worldreel.evaluation.likeness import alike, drawn, measure_diversity, measure_fvd
from worldreel.evaluation.obedience import draw_prompts
from worldreel.perception.lpips import load_lpips


class Colours(torch.nn.Module):
    """Recognises the mean colour of a video and how much of it changes."""

    def forward(self, videos):
        return torch.stack([*videos.mean((0, 2, 3, 4)), videos.diff(dim=2).abs().mean()])[None]


def test_real_clips_are_like_themselves_and_noise_is_not():
    prompts = draw_prompts(6)
    truth = [drawn(prompt.scene) for prompt in prompts]
    same = measure_fvd(Colours(), truth, prompts)["fvd"]
    assert same.value == pytest.approx(0, abs=1e-6)
    assert same.peer is not None and same.peer > 0.001
    noise = [np.random.default_rng(seed).integers(0, 256, clip.shape, np.uint8) for seed, clip in enumerate(truth)]
    assert measure_fvd(Colours(), noise, prompts)["fvd"].value > same.peer


def test_scenes_alike_share_a_caption_and_nothing_else():
    for prompt in draw_prompts(5):
        scenes = alike(prompt.scene, 3)
        (actor,) = prompt.scene.actors
        assert len({scene.actors[0].start for scene in scenes}) == 3
        for scene in scenes:
            (player,) = scene.actors
            assert (player.subject, player.direction, player.position) == (actor.subject, actor.direction, actor.position)
            assert scene.background == prompt.scene.background


def test_a_model_that_repeats_itself_has_no_diversity(monkeypatch):
    class Made:
        def array(self):
            return drawn(prompts[0].scene)

    prompts = draw_prompts(2)
    monkeypatch.setattr(likeness, "plan", lambda *given, **asked: None)
    monkeypatch.setattr(likeness, "carry_out", lambda model, settled: Made())

    class Model:
        config = None

    row = measure_diversity(load_lpips(), Model(), prompts, lambda done: None)["diversity"]
    assert row.value == pytest.approx(0, abs=1e-6)
    assert row.peer is not None and row.peer > 0.02
