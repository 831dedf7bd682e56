"""Suites: what `worldreel evaluate MODEL --suite NAME` runs. Each gives named results, and writes what one should look at."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from worldreel.config import Config
from worldreel.errors import UserError
from worldreel.evaluation import reconstruction
from worldreel.evaluation.catalogue import count_failures
from worldreel.evaluation.codecs import frame_codec, video_codec
from worldreel.evaluation.intervals import Rate
from worldreel.evaluation.judging import (
    Asked,
    Observer,
    agreement,
    measure_count,
    measure_judge,
    measure_refusals,
    rates,
    rendered,
    score,
    score_company,
)
from worldreel.evaluation.likeness import measure_diversity, measure_fvd
from worldreel.evaluation.obedience import Prompt, Sample, draw_company, draw_prompts, make_clips, paraphrased, write_sheet
from worldreel.evaluation.prompting import STUDIES
from worldreel.evaluation.results import Result
from worldreel.media.sheet import save_sheet
from worldreel.models import Bundle, load_model
from worldreel.perception.i3d import load_i3d
from worldreel.perception.lpips import load_lpips
from worldreel.perception.quality import psnr
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
    fast: bool = False
    """Whether to sample as `--fast` does, and exactly beside it: what is lost."""


class PromptsSettings(Config):
    prompts: int = Field(default=100, ge=1)


class LikenessSettings(PromptsSettings):
    prompts: int = Field(default=200, ge=2)
    looked: int = Field(default=25, ge=2)
    """Prompts of which several clips are made."""


class CodecSettings(Config):
    strips: Path | None = None
    """A folder of held-out film strips."""
    scenes: int = Field(default=16, ge=1)
    refine: int = Field(default=0, ge=0)
    """Steps by which latents are refined (`worldreel compress --refine`)."""


class PromptingSettings(Config):
    clips: int = Field(default=50, ge=2)
    """Withheld clips a study."""
    studies: tuple[str, ...] = tuple(STUDIES)


GOALS = {"subject": 0.70, "direction": 0.80, "background": 0.90, "position": 0.75}
COMPANY_GOALS = {"count": 0.85, "binding": 0.85}
MOST_LOST = 0.06
MOST_LOST_FAST = 0.02
JUDGE_GOAL = 0.97
AGREEMENT_GOAL = 0.95


def worlds(name: str, options: Options) -> dict[str, Result]:
    """Withheld prompts of the sprites world, one sample each, no rejection, seed = number of the prompt, default settings."""
    settings = WorldsSettings().changed(list(options.settings))
    model, judge, witness = load_model(name), Judge(), Witness.load()
    results = _measured_judges(model, judge, witness, settings.scenes, options)
    prompts = draw_prompts(settings.prompts)
    samples = _sampled(model, prompts, options, fast=settings.fast)
    ours = _scores(judge, samples)
    if settings.fast:
        results |= _lost(judge, samples, _sampled(model, prompts, options))
    mute = _scores(judge, _sampled(model, prompts, options, mute=True)) if settings.mute else {}
    for attribute, goal in GOALS.items():
        if attribute in ours:
            results[attribute] = _row(ours[attribute], goal, mute.get(attribute))
    asked = [Asked.of(sample.prompt.scene) for sample in samples]
    verdicts = [judge.see(sample.frames) for sample in samples]
    failed = count_failures(list(zip(verdicts, asked, strict=True)))
    results |= {f"failed_{kind}": _row(rate, None) for kind, rate in failed.items()}
    clips = [(one, sample.frames) for one, sample in zip(asked, samples, strict=True)]
    for attribute, rate in agreement(judge, witness, clips).items():
        results[f"agreement_{attribute}"] = _row(rate, None if attribute == "judged" else AGREEMENT_GOAL)
    if options.out is not None:
        _write_samples(samples, lambda sample: _marks(judge, sample), judge, options.out)
    return results


def paraphrases(name: str, options: Options) -> dict[str, Result]:
    """Withheld prompts in the plainest words, and in words that training never shows: at most six points may be lost."""
    settings = PromptsSettings().changed(list(options.settings))
    model, judge = load_model(name), Judge()
    prompts = draw_prompts(settings.prompts)
    plain = _scores(judge, _sampled(model, prompts, options))
    samples = _sampled(model, paraphrased(prompts), options)
    ours = _scores(judge, samples)
    results = {f"plain_{attribute}": _row(rate, None) for attribute, rate in plain.items()}
    results |= {attribute: _row(rate, plain[attribute].value - MOST_LOST) for attribute, rate in ours.items()}
    if options.out is not None:
        _write_samples(samples, lambda sample: _marks(judge, sample), judge, options.out)
    return results


def company(name: str, options: Options) -> dict[str, Result]:
    """Withheld prompts with two subjects: are both there, in their places, each doing its own? The peer has no text."""
    settings = PromptsSettings().changed(list(options.settings))
    model, judge = load_model(name), Judge()
    prompts = draw_company(settings.prompts)

    def marks(sample: Sample) -> dict[str, bool]:
        return score_company(judge.see(sample.frames), sample.prompt.scene)

    samples = _sampled(model, prompts, options)
    mute = rates(marks(sample) for sample in _sampled(model, prompts, options, mute=True))
    if options.out is not None:
        _write_samples(samples, marks, judge, options.out)
    ours = rates(marks(sample) for sample in samples)
    return {name: _row(rate, COMPANY_GOALS.get(name), mute[name]) for name, rate in ours.items()}


def likeness(name: str, options: Options) -> dict[str, Result]:
    """FVD against renders of the same prompts, and how far clips of one prompt differ from one another."""
    settings = LikenessSettings().changed(list(options.settings))
    model, i3d, lpips = load_model(name), load_i3d(), load_lpips()
    prompts = draw_prompts(settings.prompts)
    samples = _sampled(model, prompts, options)
    looked = prompts[: settings.looked]

    def watch(done: int) -> None:
        options.watch("sampling each prompt anew", done, len(looked))

    results = measure_fvd(i3d, (sample.frames for sample in samples), prompts)
    return results | measure_diversity(lpips, model, looked, watch)


def codec(name: str, options: Options) -> dict[str, Result]:
    """How much of a video is left after it went through a model's autoencoder."""
    settings = CodecSettings().changed(list(options.settings))
    model = load_model(name)
    return reconstruction.measure(video_codec(model, settings.refine), settings.strips, scenes=settings.scenes)


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


SUITES: dict[str, Callable[[str, Options], dict[str, Result]]] = {
    "worlds": worlds,
    "company": company,
    "paraphrases": paraphrases,
    "likeness": likeness,
    "codec": codec,
    "prompting": prompting,
}


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


def _sampled(
    model: Bundle, prompts: Sequence[Prompt], options: Options, *, mute: bool = False, fast: bool = False
) -> list[Sample]:
    what = "sampling without text" if mute else "sampling fast" if fast else "sampling"
    return make_clips(model, prompts, lambda done: options.watch(what, done, len(prompts)), mute=mute, fast=fast)


def _lost(judge: Judge, fast: Sequence[Sample], exact: Sequence[Sample]) -> dict[str, Result]:
    """By attribute, what the judge finds less often (`peer`: how often it does where nothing is saved), and how far the pixels of
    the same seeds are apart."""
    after, before = _scores(judge, fast), _scores(judge, exact)
    rows = {}
    for name, rate in before.items():
        lost = rate.value - after[name].value
        rows[f"lost_{name}"] = Result(lost, None, None, rate.n, MOST_LOST_FAST, lost <= MOST_LOST_FAST, rate.value)
    near = [psnr(one.frames, other.frames) for one, other in zip(fast, exact, strict=True)]
    return {**rows, "fast_psnr": Result.mean(near)}


def _marks(judge: Judge, sample: Sample) -> dict[str, bool]:
    return score(judge.see(sample.frames), Asked.of(sample.prompt.scene))


def _scores(judge: Judge, samples: Iterable[Sample]) -> dict[str, Rate]:
    return rates(_marks(judge, sample) for sample in samples)


def _row(rate: Rate, goal: float | None, peer: Rate | None = None) -> Result:
    ok = None if goal is None else rate.value >= goal
    return Result(rate.value, rate.low, rate.high, rate.n, goal, ok, None if peer is None else peer.value)


def _write_samples(samples: Sequence[Sample], marks: Callable[[Sample], dict[str, bool]], judge: Judge, out: Path) -> None:
    """A sheet of the first forty, and one line a clip: what was asked, what was seen."""
    write_sheet(samples[:40], lambda sample: all(marks(sample).values()), out / "first-40.png")
    lines = []
    for sample in samples:
        seen = {name: value for name, value in vars(judge.see(sample.frames)).items() if name != "tracks"}
        row = {"prompt": sample.prompt.text, "seed": sample.prompt.number, "seen": seen, "right": marks(sample)}
        lines.append(json.dumps(row))
    (out / "clips.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
