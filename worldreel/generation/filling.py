"""A canvas to frames: lower, noise, denoise, decode, and put back what was given."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldreel.generation.memory import TOGETHER
from worldreel.generation.pixels import to_pixels
from worldreel.generation.plan import Plan
from worldreel.generation.seam import with_given
from worldreel.media.clip import Frame
from worldreel.models import Bundle, Fast, SolverName
from worldreel.models.lowering import Lowered, lower
from worldreel.prompting import Canvas
from worldreel.sampling import Euler, Multistep, Solver, Step, UniPC, guided, sample, sample_whole, schedule
from worldreel.transformer.kept import MOST, Kept


@dataclass(frozen=True)
class Progress:
    """How far a generation has come: steps of denoising, then latent frames of decoding."""

    stage: str
    done: int
    of: int


Watch = Callable[[Progress], None]
EXACT = Fast(near=0, guided_above=0)
SOLVERS: dict[SolverName, Callable[[], Solver]] = {"euler": Euler, "multistep": Multistep, "unipc": UniPC}


def fill(model: Bundle, canvas: Canvas, settled: Plan, generator: torch.Generator, watch: Watch) -> Frame:
    """Frames [T, H, W, 3]. What the canvas gives is in them pixel for pixel; the rest is the model's, in its colours."""
    lowered = lower(model, canvas)
    tokens = denoised(model, canvas, lowered, settled, generator, watch)
    return with_given(_decoded(model, canvas, lowered, tokens, watch), canvas)


def denoised(
    model: Bundle,
    canvas: Canvas,
    lowered: Lowered,
    settled: Plan,
    generator: torch.Generator,
    watch: Watch,
    look: Callable[[Tensor], None] = lambda tokens: None,
) -> Tensor:
    """Clean tokens [N, C] of a lowered canvas. `look`: called with the tokens after each step."""
    config = model.config
    # On the CPU: the same seed gives the same noise on every device.
    noise = torch.randn(lowered.tokens, config.token_channels, generator=generator)
    levels = schedule(settled.steps, config.shift(lowered.tokens), config.descent.least, config.descent.reaches_least)
    start, levels = noise.to(model.device), levels.to(model.device)
    predict, solver = _predictor(model, canvas, lowered, settled), SOLVERS[settled.solver]

    def told(step: Step) -> None:
        watch(Progress("denoising", step.number, step.of))
        look(step.tokens)

    if config.levels == "token":
        return sample(predict, start, levels, lowered.known, lowered.ceilings, told, solver())
    return sample_whole(predict, start, levels, lowered.known, lowered.ceilings, told, solver)


def _predictor(model: Bundle, canvas: Canvas, lowered: Lowered, settled: Plan) -> Callable[[Tensor, Tensor], Tensor]:
    """The model with prompts and guidance built in."""
    prompts = [cue.prompt for cue in canvas.cues]
    texts = model.read([*prompts, settled.negative])
    alone, extra = lowered.layout(lowered.readers), lowered.extra
    above, below = settled.scales(canvas)
    extras = None if extra is None else extra.copies(2)
    both = lowered.layout(lowered.readers, lowered.all_read(len(prompts)))
    negative = lowered.layout(lowered.all_read(0))
    fast = model.config.defaults.fast if settled.fast else EXACT
    # Each is for one layout. Where memory is bounded, keys and values of texts are computed anew.
    for_alone, for_both, for_negative = (Kept(MOST if model.memory is None else 0, fast.near) for _ in range(3))

    def predict(tokens: Tensor, levels: Tensor) -> Tensor:
        level = float(levels.max())
        scale = below if level < model.config.boundary else above
        if scale == 1 or level < fast.guided_above:
            return model.denoise(tokens, levels, alone, texts[:-1], extra, for_alone)
        if both.tokens <= TOGETHER:
            twice = model.denoise(torch.cat([tokens, tokens]), torch.cat([levels, levels]), both, texts, extras, for_both)
            conditional, unconditional = twice.chunk(2)
        else:
            conditional = model.denoise(tokens, levels, alone, texts[:-1], extra, for_alone)
            unconditional = model.denoise(tokens, levels, negative, texts[-1:], extra, for_negative)
        return guided(conditional, unconditional, scale)

    return predict


def _decoded(model: Bundle, canvas: Canvas, lowered: Lowered, tokens: Tensor, watch: Watch) -> Frame:
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
