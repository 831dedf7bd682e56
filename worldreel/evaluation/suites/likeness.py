"""Likeness: how close samples are to renders of the same prompts, and how far from one another."""

from pydantic import Field

from worldreel.evaluation.likeness import measure_diversity, measure_fvd
from worldreel.evaluation.obedience import draw_prompts
from worldreel.evaluation.results import Result
from worldreel.evaluation.suites.options import Options
from worldreel.evaluation.suites.samples import PromptsSettings, sampled
from worldreel.models import load_model
from worldreel.perception.i3d import load_i3d
from worldreel.perception.lpips import load_lpips


class LikenessSettings(PromptsSettings):
    prompts: int = Field(default=200, ge=2)
    looked: int = Field(default=25, ge=2)
    """Prompts of which several clips are made."""


def likeness(name: str, options: Options) -> dict[str, Result]:
    """FVD against renders of the same prompts, and how far clips of one prompt differ from one another."""
    settings = LikenessSettings().changed(list(options.settings))
    model, i3d, lpips = load_model(name), load_i3d(), load_lpips()
    prompts = draw_prompts(settings.prompts)
    samples = sampled(model, prompts, options)
    looked = prompts[: settings.looked]

    def watch(done: int) -> None:
        options.watch("sampling each prompt anew", done, len(looked))

    results = measure_fvd(i3d, (sample.frames for sample in samples), prompts)
    return results | measure_diversity(lpips, model, looked, watch)
