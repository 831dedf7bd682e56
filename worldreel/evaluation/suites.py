"""Suites: what `worldreel evaluate MODEL --suite NAME` runs. Each gives named results, and writes what one should look at."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from worldreel.config import Config
from worldreel.errors import UserError
from worldreel.evaluation import reconstruction
from worldreel.evaluation.codecs import frame_codec, video_codec
from worldreel.evaluation.intervals import Rate
from worldreel.evaluation.judging import (
    Observer,
    agreement,
    measure_count,
    measure_judge,
    measure_refusals,
    rates,
    rendered,
    score,
)
from worldreel.evaluation.obedience import Sample, draw_prompts, make_clips, write_sheet
from worldreel.evaluation.prompting import STUDIES
from worldreel.evaluation.results import Result
from worldreel.media.sheet import save_sheet
from worldreel.models import Bundle, load_model
from worldreel.worlds.judge import Judge
from worldreel.worlds.witness import Witness


@dataclass(frozen=True)
class Options:
    """`out`: where pictures and the result are written (None: nowhere); `settings`: KEY=VALUE for the suite; `watch`: told
    what is done and how much of it."""

    out: Path | None = None
    settings: tuple[str, ...] = ()
    watch: Callable[[str, int, int], None] = field(default=lambda what, done, of: None)


class WorldsSettings(Config):
    prompts: int = Field(default=200, ge=1)
    scenes: int = Field(default=400, ge=8)
    """Real renders that each judge is measured on; half as many go through the codec."""
    mute: bool = True
    """Whether to sample without any text too: what a model that ignores its prompt reaches."""


class CodecSettings(Config):
    strips: Path | None = None
    """A folder of held-out film strips."""
    scenes: int = Field(default=16, ge=1)


class PromptingSettings(Config):
    clips: int = Field(default=50, ge=2)
    """Withheld clips a study."""
    studies: tuple[str, ...] = tuple(STUDIES)


GOALS = {"subject": 0.70, "direction": 0.80, "background": 0.90, "position": 0.75}
JUDGE_GOAL = 0.97
AGREEMENT_GOAL = 0.95


def worlds(name: str, options: Options) -> dict[str, Result]:
    """Withheld prompts of the sprites world, one sample each, no rejection, seed = number of the prompt, default settings."""
    settings = WorldsSettings().changed(list(options.settings))
    model, judge, witness = load_model(name), Judge(), Witness.load()
    results = _measured_judges(model, judge, witness, settings.scenes, options)
    prompts = draw_prompts(settings.prompts)
    samples = make_clips(model, prompts, lambda done: options.watch("sampling", done, len(prompts)))
    ours = _scores(judge, samples)
    mute: Mapping[str, Rate] = {}
    if settings.mute:
        silent = make_clips(model, prompts, lambda done: options.watch("sampling without text", done, len(prompts)), mute=True)
        mute = _scores(judge, silent)
    for attribute, goal in GOALS.items():
        if attribute in ours:
            results[attribute] = _row(ours[attribute], goal, mute.get(attribute))
    clips = [(sample.asked, sample.frames) for sample in samples]
    for attribute, rate in agreement(judge, witness, clips).items():
        results[f"agreement_{attribute}"] = _row(rate, None if attribute == "judged" else AGREEMENT_GOAL)
    if options.out is not None:
        write_sheet(samples[:40], judge, options.out / "first-40.png")
        _write_clips(samples, judge, options.out / "clips.jsonl")
    return results


def codec(name: str, options: Options) -> dict[str, Result]:
    """How much of a video is left after it went through a model's autoencoder."""
    settings = CodecSettings().changed(list(options.settings))
    model = load_model(name)
    return reconstruction.measure(video_codec(model), settings.strips, scenes=settings.scenes)


def prompting(name: str, options: Options) -> dict[str, Result]:
    """Every mode of prompting on withheld clips, default settings, first seeds; a contact sheet for each study."""
    settings = PromptingSettings().changed(list(options.settings))
    model, judge = load_model(name), Judge()
    results: dict[str, Result] = {}
    for number, study in enumerate(settings.studies):
        if study not in STUDIES:
            raise UserError(f"--set studies: there is no {study!r}, but {', '.join(STUDIES)}")
        options.watch(study, number, len(settings.studies))
        found = STUDIES[study](model, judge, settings.clips)
        results |= found.rows
        if options.out is not None:
            save_sheet(options.out / f"{study}.png", found.clips)
    return results


SUITES: dict[str, Callable[[str, Options], dict[str, Result]]] = {"worlds": worlds, "codec": codec, "prompting": prompting}


def evaluate(name: str, suite: str, options: Options) -> dict[str, object]:
    """Runs a suite; the answer is what `--json` prints. Raises UserError for an unknown suite."""
    if suite not in SUITES:
        raise UserError(f"--suite {suite!r}: there is {', '.join(SUITES)}")
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
    results = SUITES[suite](name, options)
    answer: dict[str, object] = {
        "suite": suite,
        "model": name,
        "results": {key: result.to_json() for key, result in results.items()},
    }
    if options.out is not None:
        (options.out / "result.json").write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")
    return answer


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
    return {key: _row(rate, JUDGE_GOAL if key.startswith(("judge_real", "judge_codec")) else None) for key, rate in rows.items()}


def _scores(judge: Judge, samples: Iterable[Sample]) -> dict[str, Rate]:
    return rates(score(judge.see(sample.frames), sample.asked) for sample in samples)


def _row(rate: Rate, goal: float | None, peer: Rate | None = None) -> Result:
    ok = None if goal is None else rate.value >= goal
    return Result(rate.value, rate.low, rate.high, rate.n, goal, ok, None if peer is None else peer.value)


def _write_clips(samples: Iterable[Sample], judge: Judge, path: Path) -> None:
    """One line a clip: what was asked, what was seen."""
    lines = []
    for sample in samples:
        verdict, asked = judge.see(sample.frames), sample.asked
        {name: value for name, value in vars(verdict).items() if name != "tracks"}
        lines.append(
            json.dumps({"prompt": sample.prompt, "seed": sample.seed, "seen": vars(verdict), "right": score(verdict, asked)})
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
