"""One sample a prompt, no rejection: how often the judge sees what was asked. Suites of prompts share it."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pydantic import Field

from worldreel.config import Config
from worldreel.evaluation.intervals import Rate
from worldreel.evaluation.judging import Asked, rates, score
from worldreel.evaluation.obedience import Prompt, Sample, make_clips, write_sheet
from worldreel.evaluation.results import Result
from worldreel.evaluation.suites.options import Options
from worldreel.models import Bundle
from worldreel.worlds.judge import Judge

Marks = Callable[[Sample], dict[str, bool]]
"""Of a sample: which attributes are as they were asked for."""


class PromptsSettings(Config):
    prompts: int = Field(default=100, ge=1)


def sampled(
    model: Bundle, prompts: Sequence[Prompt], options: Options, *, mute: bool = False, fast: bool = False
) -> list[Sample]:
    """`mute`: without any text, as a model that ignores its prompt would make them; `fast`: as `--fast` does."""
    what = "sampling without text" if mute else "sampling fast" if fast else "sampling"
    return make_clips(model, prompts, lambda done: options.watch(what, done, len(prompts)), mute=mute, fast=fast)


def marks_of(judge: Judge) -> Marks:
    """For prompts of one subject."""
    return lambda sample: score(judge.see(sample.frames), Asked.of(sample.prompt.scene))


def marked(samples: Iterable[Sample], marks: Marks) -> dict[str, Rate]:
    return rates(marks(sample) for sample in samples)


def row(rate: Rate, goal: float | None, peer: Rate | None = None) -> Result:
    ok = None if goal is None else rate.value >= goal
    return Result(rate.value, rate.low, rate.high, rate.n, goal, ok, None if peer is None else peer.value)


def write_samples(samples: Sequence[Sample], marks: Marks, judge: Judge, out: Path | None) -> None:
    """A sheet of the first forty, and one line a clip: what was asked, what was seen. Nothing where `out` is None."""
    if out is None:
        return
    write_sheet(samples[:40], lambda sample: all(marks(sample).values()), out / "first-40.png")
    lines = []
    for sample in samples:
        seen = {name: value for name, value in vars(judge.see(sample.frames)).items() if name != "tracks"}
        line = {"prompt": sample.prompt.text, "seed": sample.prompt.number, "seen": seen, "right": marks(sample)}
        lines.append(json.dumps(line))
    (out / "clips.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
