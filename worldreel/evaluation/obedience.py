"""Does a model do what its prompt says? Prompts it was never taught, one sample each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from worldreel.generation import Settings, carry_out, plan
from worldreel.models import Bundle
from worldreel.worlds.captions import short_caption
from worldreel.worlds.paraphrases import paraphrase
from worldreel.worlds.scenes import Canvas, Scene, random_scene

SEED = 40_004
CANVAS = Canvas(128, 128, 25)


@dataclass(frozen=True)
class Prompt:
    """A prompt, the scene that it describes, and its number, which is the seed."""

    text: str
    scene: Scene
    number: int


@dataclass(frozen=True)
class Sample:
    prompt: Prompt
    frames: np.ndarray
    """[T, H, W, 3] uint8."""


def draw_prompts(count: int) -> list[Prompt]:
    """Short captions of scenes with one actor, each with a withheld pair; never drawn in training."""
    scenes = [random_scene((SEED, number), CANVAS, withheld_pairs=True, alone=1.0) for number in range(count)]
    return [Prompt(short_caption(scene), scene, number) for number, scene in enumerate(scenes)]


def paraphrased(prompts: Sequence[Prompt], *, withheld: bool = False) -> list[Prompt]:
    """The same scenes as other people would word them; `withheld`: in wordings that training never shows."""
    return [
        replace(prompt, text=paraphrase(prompt.scene, np.random.default_rng((SEED, prompt.number)), withheld=withheld))
        for prompt in prompts
    ]


def draw_company(count: int) -> list[Prompt]:
    """Short captions of scenes with two actors side by side, with a withheld pair among them."""
    prompts: list[Prompt] = []
    number = 0
    while len(prompts) < count:
        scene = random_scene((SEED, 1, number), CANVAS, withheld_pairs=True, alone=0.0)
        number += 1
        if len(scene.actors) == 2:
            prompts.append(Prompt(short_caption(scene), scene, len(prompts)))
    return prompts


def make_clips(
    model: Bundle, prompts: Sequence[Prompt], watch: Callable[[int], None], *, mute: bool = False, fast: bool = False
) -> list[Sample]:
    """One sample a prompt at the model's default settings. `mute`: without any text, as a model that ignores it; `fast`: as
    `--fast` makes it."""
    samples = []
    for done, prompt in enumerate(prompts):
        watch(done)
        settled = plan(model.config, "generate", prompt.text, settings=Settings(seed=prompt.number, fast=fast))
        if mute:
            settled = settled.muted()
        samples.append(Sample(prompt, carry_out(model, settled).array()))
    return samples


def write_sheet(samples: Sequence[Sample], right: Callable[[Sample], bool], path: Path, frames: int = 5) -> None:
    """Every clip in a few frames under its prompt, which is red where something is not `right`; two columns."""
    height, width = samples[0].frames.shape[1:3]
    row, column = height + 16, frames * (width + 2) + 12
    lines = -(-len(samples) // 2)
    sheet = Image.new("RGB", (2 * column, lines * row), "white")
    draw = ImageDraw.Draw(sheet)
    for number, sample in enumerate(samples):
        left, top = (number % 2) * column, (number // 2) * row
        draw.text((left + 2, top + 2), sample.prompt.text, fill="black" if right(sample) else "#c00000")
        for place, frame in enumerate(np.linspace(0, len(sample.frames) - 1, frames).round().astype(int)):
            sheet.paste(Image.fromarray(sample.frames[frame]), (left + place * (width + 2), top + 15))
    sheet.save(path)
