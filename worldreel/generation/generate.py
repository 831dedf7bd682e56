"""Request in, clip out: plan, noise, denoise, decode, trim. Every door goes through here."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import torch
from torch import Tensor

from worldreel.flow import length_shift
from worldreel.generation.pixels import to_pixels
from worldreel.generation.request import Plan, Request, plan
from worldreel.media import Clip
from worldreel.models import Model
from worldreel.sampling import Step, guided, sample, schedule

TOGETHER = 8192
"""Tokens of both halves of guidance up to which they share a pack; longer ones run in turn."""


@dataclass(frozen=True)
class Progress:
    """How far a generation has come: steps of denoising, then latent frames of decoding."""

    stage: str
    done: int
    of: int


Watch = Callable[[Progress], None]


def generate(model: Model, request: Request, watch: Watch = lambda progress: None) -> Clip:
    """Makes the clip. Its metadata say how, so that it can be made again. Raises UserError for what cannot be made."""
    return carry_out(model, plan(request, model.config), watch)


def carry_out(model: Model, settled: Plan, watch: Watch = lambda progress: None) -> Clip:
    """Makes what a checked plan says."""
    with torch.inference_mode():
        frames = _decoded(model, settled, _denoised(model, settled, watch), watch)
    return Clip.from_array(frames, settled.fps, metadata(settled, model))


def metadata(settled: Plan, model: Model) -> dict[str, str]:
    """How a clip was made, in words that any player shows."""
    return {
        "ai_generated": "true",
        "title": settled.prompt,
        "model": model.config.name,
        "prompt": settled.prompt,
        "negative": settled.negative,
        "seed": str(settled.seed),
        "steps": str(settled.steps),
        "guidance": f"{settled.guidance:g}",
        "size": f"{settled.width}x{settled.height}",
        "frames": str(settled.frames),
        "fps": str(settled.fps),
        "device": model.device.type,
        "worldreel": _version("worldreel"),
        "torch": torch.__version__,
    }


def _denoised(model: Model, settled: Plan, watch: Watch) -> Tensor:
    """Clean tokens [N, C]."""
    lowered = model.lower(model.config.padded(settled.shape), settled.fps)
    count = lowered.grid.tokens
    # A generator of the clip's own, on the CPU: the same seed gives the same noise on every device.
    noise = torch.randn(count, model.config.transformer.channels, generator=torch.Generator().manual_seed(settled.seed))
    levels = schedule(settled.steps, length_shift(count))
    predict = _predictor(model, settled)
    return sample(
        predict,
        noise.to(model.device),
        levels.to(model.device),
        callback=lambda step: watch(_denoising(step)),
    )


def _denoising(step: Step) -> Progress:
    return Progress("denoising", step.number, step.of)


def _predictor(model: Model, settled: Plan) -> Callable[[Tensor, Tensor], Tensor]:
    """The model with the prompt and guidance built in."""
    shape = model.config.padded(settled.shape)
    texts = model.read([settled.prompt, settled.negative])
    alone = model.lower(shape, settled.fps).layout
    if settled.guidance == 1:
        return lambda tokens, levels: model.denoise(tokens, levels, alone, texts[:1])
    both = model.lower(shape, settled.fps, prompts=2).layout

    def predict(tokens: Tensor, levels: Tensor) -> Tensor:
        if both.tokens <= TOGETHER:
            twice = model.denoise(torch.cat([tokens, tokens]), torch.cat([levels, levels]), both, texts)
            conditional, unconditional = twice.chunk(2)
        else:
            conditional, unconditional = (model.denoise(tokens, levels, alone, [text]) for text in texts)
        return guided(conditional, unconditional, settled.guidance)

    return predict


def _decoded(model: Model, settled: Plan, tokens: Tensor, watch: Watch) -> np.ndarray:
    """Frames [T, H, W, 3] uint8, trimmed to the size that was asked for."""
    shape = model.config.padded(settled.shape)
    grid = model.config.grid(shape, settled.fps)
    frames = np.empty((settled.frames, settled.height, settled.width, 3), np.uint8)
    made = 0
    for piece in model.decode(tokens, grid, lambda done: watch(Progress("decoding", done, grid.frames))):
        pixels = to_pixels(piece[0, :, : settled.frames - made, : settled.height, : settled.width])
        frames[made : made + len(pixels)] = pixels
        made += len(pixels)
    return frames


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
