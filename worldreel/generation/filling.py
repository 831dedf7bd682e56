"""A canvas to frames: lower, noise, denoise, decode, and put back what was given."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldreel.flow import length_shift
from worldreel.generation.pixels import to_pixels
from worldreel.generation.plan import Plan
from worldreel.generation.seam import with_given
from worldreel.media.clip import Frame
from worldreel.models import Model
from worldreel.models.lowering import Lowered, lower
from worldreel.prompting import Canvas
from worldreel.sampling import Euler, Multistep, Step, guided, sample, sample_whole, schedule

TOGETHER = 8192
"""Tokens of both halves of guidance up to which they share a pack; longer ones run in turn."""


@dataclass(frozen=True)
class Progress:
    """How far a generation has come: steps of denoising, then latent frames of decoding."""

    stage: str
    done: int
    of: int


Watch = Callable[[Progress], None]


def fill(model: Model, canvas: Canvas, settled: Plan, generator: torch.Generator, watch: Watch) -> Frame:
    """Frames [T, H, W, 3]. What the canvas gives is in them pixel for pixel; the rest is the model's, in its colours."""
    lowered = lower(model, canvas)
    # On the CPU: the same seed gives the same noise on every device.
    noise = torch.randn(lowered.tokens, model.config.transformer.channels, generator=generator)
    levels = schedule(settled.steps, length_shift(lowered.tokens))
    start, levels = noise.to(model.device), levels.to(model.device)
    solver = Multistep if settled.solver == "multistep" else Euler
    predict = _predictor(model, canvas, lowered, settled)

    def told(step: Step) -> None:
        watch(Progress("denoising", step.number, step.of))

    if model.config.levels == "token":
        tokens = sample(predict, start, levels, lowered.known, lowered.ceilings, told, solver())
    else:
        tokens = sample_whole(predict, start, levels, lowered.known, lowered.ceilings, told, solver)
    return with_given(_decoded(model, canvas, lowered, tokens, watch), canvas)


def _predictor(model: Model, canvas: Canvas, lowered: Lowered, settled: Plan) -> Callable[[Tensor, Tensor], Tensor]:
    """The model with prompts and guidance built in."""
    prompts = [cue.prompt for cue in canvas.cues]
    texts = model.read([*prompts, settled.negative])
    alone = lowered.layout(lowered.readers)
    if settled.guidance == 1:
        return lambda tokens, levels: model.denoise(tokens, levels, alone, texts[:-1])
    both = lowered.layout(lowered.readers, lowered.all_read(len(prompts)))
    negative = lowered.layout(lowered.all_read(0))

    def predict(tokens: Tensor, levels: Tensor) -> Tensor:
        if both.tokens <= TOGETHER:
            twice = model.denoise(torch.cat([tokens, tokens]), torch.cat([levels, levels]), both, texts)
            conditional, unconditional = twice.chunk(2)
        else:
            conditional = model.denoise(tokens, levels, alone, texts[:-1])
            unconditional = model.denoise(tokens, levels, negative, texts[-1:])
        return guided(conditional, unconditional, settled.guidance)

    return predict


def _decoded(model: Model, canvas: Canvas, lowered: Lowered, tokens: Tensor, watch: Watch) -> Frame:
    """Every run trimmed to its own frames and the canvas's sides."""
    frames = np.empty((canvas.frames, canvas.height, canvas.width, 3), np.uint8)
    of = sum(piece.grid.frames for piece in lowered.pieces)
    done = 0
    parts = tokens.split([piece.grid.tokens for piece in lowered.pieces])
    for piece, part in zip(lowered.pieces, parts, strict=True):
        made, stop = piece.run
        for video in model.decode(part, piece.grid):
            done += 1
            watch(Progress("decoding", done, of))
            pixels = to_pixels(video[0, :, : stop - made, : canvas.height, : canvas.width])
            frames[made : made + len(pixels)] = pixels
            made += len(pixels)
    return frames
