"""Worlds: does a model do what withheld prompts of the sprites world say? Its judges are measured first."""

from collections.abc import Sequence

from pydantic import Field

from worldreel.config import Config
from worldreel.evaluation.catalogue import count_failures
from worldreel.evaluation.codecs import frame_codec
from worldreel.evaluation.intervals import Rate
from worldreel.evaluation.judging import (
    Asked,
    Observer,
    agreement,
    measure_count,
    measure_judge,
    measure_refusals,
    rendered,
)
from worldreel.evaluation.obedience import Sample, draw_prompts
from worldreel.evaluation.results import Result
from worldreel.evaluation.suites.options import Options
from worldreel.evaluation.suites.samples import Marks, marked, marks_of, row, sampled, write_samples
from worldreel.models import Bundle, load_model
from worldreel.perception.quality import psnr
from worldreel.worlds.judge import Judge
from worldreel.worlds.witness import Witness

GOALS = {"subject": 0.70, "direction": 0.80, "background": 0.90, "position": 0.75}
JUDGE_GOAL = 0.97
AGREEMENT_GOAL = 0.95
MOST_LOST = 0.02


class WorldsSettings(Config):
    prompts: int = Field(default=200, ge=1)
    scenes: int = Field(default=400, ge=8)
    """Real renders that each judge is measured on; half as many go through the codec."""
    mute: bool = True
    """Whether to sample without any text too: what a model that ignores its prompt reaches."""
    fast: bool = False
    """Whether to sample as `--fast` does, and exactly beside it: what is lost."""


def worlds(name: str, options: Options) -> dict[str, Result]:
    """Withheld prompts of the sprites world, one sample each, no rejection, seed = number of the prompt, default settings."""
    settings = WorldsSettings().changed(list(options.settings))
    model, judge, witness = load_model(name), Judge(), Witness.load()
    results = _measured_judges(model, judge, witness, settings.scenes, options)
    prompts, marks = draw_prompts(settings.prompts), marks_of(judge)
    samples = sampled(model, prompts, options, fast=settings.fast)
    ours = marked(samples, marks)
    if settings.fast:
        results |= lost_by_haste(samples, sampled(model, prompts, options), marks)
    mute = marked(sampled(model, prompts, options, mute=True), marks) if settings.mute else {}
    for attribute, goal in GOALS.items():
        if attribute in ours:
            results[attribute] = row(ours[attribute], goal, mute.get(attribute))
    asked = [Asked.of(sample.prompt.scene) for sample in samples]
    verdicts = [judge.see(sample.frames) for sample in samples]
    failed = count_failures(list(zip(verdicts, asked, strict=True)))
    results |= {f"failed_{kind}": row(rate, None) for kind, rate in failed.items()}
    clips = [(one, sample.frames) for one, sample in zip(asked, samples, strict=True)]
    for attribute, rate in agreement(judge, witness, clips).items():
        results[f"agreement_{attribute}"] = row(rate, None if attribute == "judged" else AGREEMENT_GOAL)
    write_samples(samples, marks, judge, options.out)
    return results


def lost_by_haste(fast: Sequence[Sample], exact: Sequence[Sample], marks: Marks) -> dict[str, Result]:
    """By attribute, what is right less often (`peer`: how often it is where nothing is saved), and how near the pixels of the
    same seeds are, in dB."""
    after, before = marked(fast, marks), marked(exact, marks)
    rows = {}
    for name, rate in before.items():
        lost = rate.value - after[name].value
        rows[f"lost_{name}"] = Result(lost, None, None, rate.n, MOST_LOST, lost <= MOST_LOST, rate.value)
    near = [psnr(one.frames, other.frames) for one, other in zip(fast, exact, strict=True)]
    return {**rows, "fast_psnr": Result.mean(near)}


def _measured_judges(model: Bundle, judge: Judge, witness: Witness, scenes: int, options: Options) -> dict[str, Result]:
    """Both judges on scenes whose truth is known, as rendered and as the codec gives them back."""
    through = frame_codec(model)
    rows: dict[str, Rate] = {}
    observers: dict[str, Observer] = {"judge": judge, "witness": witness}
    for number, (who, observer) in enumerate(observers.items()):
        options.watch("measuring the judges", number, 2)
        rows |= {f"{who}_real_{key}": rate for key, rate in measure_judge(observer, None, range(scenes)).items()}
        rows |= {f"{who}_codec_{key}": rate for key, rate in measure_judge(observer, through, range(scenes // 2)).items()}
    rows["judge_real_count"] = measure_count(judge, None, range(scenes // 2))
    rows |= {f"judge_refuses_{key}": rate for key, rate in measure_refusals(judge, None, range(max(3, scenes // 8))).items()}
    rows |= {f"observers_{key}": rate for key, rate in agreement(judge, witness, rendered(range(scenes // 4), through)).items()}
    return {key: row(rate, JUDGE_GOAL if key.startswith(("judge_real", "judge_codec")) else None) for key, rate in rows.items()}
