"""A canvas to frames: lower, noise, denoise, decode, and put back what was given."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from worldreel.generation.pixels import to_pixels
from worldreel.generation.plan import Plan
from worldreel.generation.predictor import flows, predictor
from worldreel.generation.pulse import evened
from worldreel.generation.seam import with_detail, with_given
from worldreel.media.clip import Frame
from worldreel.models import Bundle, SolverName
from worldreel.models.lowered import Lowered
from worldreel.models.lowering import lower, share_to_level
from worldreel.models.windows import windows_of
from worldreel.prompting import Canvas
from worldreel.sampling import Euler, Multistep, Solver, Step, Stochastic, UniPC, sample, sample_whole, schedule


@dataclass(frozen=True)
class Progress:
    """How far a generation has come: steps of denoising, then latent frames of decoding."""

    stage: str
    done: int
    of: int


Watch = Callable[[Progress], None]
SOLVERS: dict[SolverName, Callable[[torch.Generator], Solver]] = {
    "euler": lambda generator: Euler(),
    "stochastic": Stochastic,
    "multistep": lambda generator: Multistep(),
    "unipc": lambda generator: UniPC(),
}


def fill(model: Bundle, canvas: Canvas, settled: Plan, generator: torch.Generator, watch: Watch) -> Frame:
    """Frames [T, H, W, 3]. What the canvas gives is in them pixel for pixel; the rest is the model's, in its colours."""
    lowered = lower(model, canvas)
    shown = lowered.known
    lowered = model.enlarged(canvas, lowered)
    tokens = denoised(model, canvas, lowered, settled, generator, watch)
    frames = _decoded(model, canvas, lowered, tokens, watch, model.config.evened and not canvas.enlarged)
    redrawn = model.config.sees_sources and 0 < float(lowered.ceilings.max()) < 1
    if canvas.enlarged or (canvas.edited and redrawn):
        frames = with_detail(frames, _decoded(model, canvas, lowered, shown, lambda progress: None), canvas)
    return with_given(frames, canvas, model.config.carried)


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
    config, windows = model.config, windows_of(model.config, canvas, lowered)
    # On the CPU: the same seed gives the same noise on every device.
    noise = torch.randn(lowered.tokens, config.token_channels, generator=generator)
    # A window hides in as much noise as a clip of its size.
    shift = config.shift(max(window.tokens for window in windows.each))
    levels = schedule(settled.steps, shift, config.descent.least, config.descent.reaches_least)
    start, levels = noise.to(model.device), levels.to(model.device)
    predict = predictor(model, canvas, lowered, windows, settled, generator)
    ceilings = share_to_level(lowered.ceilings, shift)
    if flows(model, canvas):
        start = lowered.known
    solver = partial(SOLVERS[_solver(model, canvas, lowered, settled)], generator)

    def told(step: Step) -> None:
        watch(Progress("denoising", step.number, step.of))
        look(step.tokens)

    if config.levels == "token":
        return sample(predict, start, levels, lowered.known, ceilings, told, solver())
    return sample_whole(predict, start, levels, lowered.known, ceilings, told, solver)


def _solver(model: Bundle, canvas: Canvas, lowered: Lowered, settled: Plan) -> SolverName:
    """The plan's. But a draft that is not shown is held by its noise alone, of which none may be new then; and the way from what
    is known (see `flows`) holds none that could be."""
    shown = canvas.edited and model.config.sees_sources
    draft = bool(((lowered.ceilings > 0) & (lowered.ceilings < 1)).any())
    held = not shown and (draft or flows(model, canvas))
    return "euler" if held and settled.solver == "stochastic" else settled.solver


def _decoded(model: Bundle, canvas: Canvas, lowered: Lowered, tokens: Tensor, watch: Watch, even: bool = False) -> Frame:
    """Every run trimmed to its own frames and the canvas's sides. `even`: with even steps from one latent frame to the next."""
    frames = np.empty((canvas.frames, canvas.height, canvas.width, 3), np.uint8)
    unknown = ~np.broadcast_to(canvas.given, frames.shape[:3])
    of = sum(piece.grid.frames for piece in lowered.pieces)
    done = 0
    parts = tokens.split([piece.grid.tokens for piece in lowered.pieces])
    for piece, part in zip(lowered.pieces, parts, strict=True):
        start, stop = piece.run
        made, groups = start, list[int]()
        for video in model.decode(part, piece.grid):
            done += 1
            groups.append(made - start)
            watch(Progress("decoding", done, of))
            pixels = to_pixels(video[0, :, : stop - made, : canvas.height, : canvas.width])
            frames[made : made + len(pixels)] = pixels
            made += len(pixels)
        if even:
            evened(frames[start:stop], groups[1:], unknown[start:stop])
    return frames
