"""A published checkpoint beside its peer: the same steps from the same noise and prompt, here and in diffusers."""

import gc
import inspect
import json
from fractions import Fraction
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from worldreel.errors import UserError
from worldreel.generation import Settings, plan
from worldreel.generation.filling import denoised
from worldreel.media import Clip
from worldreel.models import find_model, load_model
from worldreel.models.lowering import lower
from worldreel.patches import Grid, from_tokens, to_tokens
from worldreel.shapes import VideoShape

INDEX = "model_index.json"
PROMPT, SEED, STEPS = "a dog runs on a beach", 1, 2
GOALS = {torch.float32: 1e-4, torch.bfloat16: 1e-2}
"""Relative errors that differences of rounding explain."""


class Parity(NamedTuple):
    """`errors`: after each step, the norm of the difference of latents over the norm of diffusers'."""

    errors: tuple[float, ...]
    goal: float
    dtype: str

    @property
    def ok(self) -> bool:
        return all(error <= self.goal for error in self.errors)


class _Ours(NamedTuple):
    """What was made here: tokens [N, C] after each step of those that were not given, where those are, and from what noise."""

    steps: list[Tensor]
    made: Tensor
    noise: Tensor
    grid: Grid
    patch: int
    dtype: torch.dtype


def compare(name: str, device: torch.device, width: int = 256, height: int = 256, frames: int = 9) -> Parity:
    """Two steps of a schedule of two, without guidance, from a prompt or from an image where the weights want one.

    Raises UserError for a model that diffusers does not have, without diffusers, and as loading does.
    """
    if find_spec("diffusers") is None:
        raise UserError("comparing needs the package diffusers; install it with: pip install diffusers")
    index = find_model(name) / INDEX
    if not index.is_file():
        raise UserError(f"{name} holds no {INDEX}: diffusers does not have it, so there is nothing to compare it with")
    pipeline = _pipeline(index)
    image = _picture(width, height) if "image" in inspect.signature(pipeline.__call__).parameters else None
    ours = _ours(name, device, image, width, height, frames)
    gc.collect()  # the two are not in memory together
    theirs = _theirs(pipeline, index.parent, device, image, ours, (width, height, frames))
    errors = tuple(
        float((mine - other[ours.made]).norm() / other[ours.made].norm()) for mine, other in zip(ours.steps, theirs, strict=True)
    )
    return Parity(errors, GOALS[ours.dtype], str(ours.dtype).removeprefix("torch."))


def _pipeline(index: Path) -> Any:
    return getattr(import_module("diffusers"), json.loads(index.read_bytes())["_class_name"])


def _ours(name: str, device: torch.device, image: np.ndarray | None, width: int, height: int, frames: int) -> _Ours:
    model = load_model(name, device)
    settings = Settings(steps=STEPS, guidance=1.0, late_guidance=1.0, seed=SEED)
    if image is None:
        settled = plan(model.config, "generate", PROMPT, size=f"{width}x{height}", frames=frames, settings=settings)
    else:
        clip = Clip.from_array(image[None], Fraction(model.config.defaults.fps))
        settled = plan(model.config, "animate", clip, PROMPT, frames=frames, settings=settings)
    (canvas,) = settled.composition.canvases
    steps: list[Tensor] = []
    with torch.inference_mode():
        lowered = lower(model, canvas)
        made = (lowered.ceilings > 0).cpu()
        (piece,) = lowered.pieces
        if (piece.shape.width, piece.shape.height, piece.shape.frames) != (width, height, frames):
            raise UserError(f"{width}x{height} with {frames} frames is no shape of {name}; {_exact(piece.shape)} is")
        generator = torch.Generator().manual_seed(SEED)

        def look(tokens: Tensor) -> None:
            steps.append(tokens[made.to(tokens.device)].cpu())

        denoised(model, canvas, lowered, settled, generator, lambda progress: None, look)
        noise = torch.randn(lowered.tokens, model.config.token_channels, generator=torch.Generator().manual_seed(SEED))
    return _Ours(steps, made, noise, piece.grid, model.config.patch, model.dtype)


def _theirs(
    pipeline: Any, folder: Path, device: torch.device, image: np.ndarray | None, ours: _Ours, size: tuple[int, int, int]
) -> list[Tensor]:
    """Tokens [N, C] after each step."""
    pipe = pipeline.from_pretrained(str(folder), dtype={"default": ours.dtype, "vae": torch.float32}).to(device)
    pipe.set_progress_bar_config(disable=True)
    found: list[Tensor] = []

    def look(pipe: Any, number: int, time: Any, kept: dict[str, Tensor]) -> dict[str, Tensor]:
        found.append(to_tokens(kept["latents"][0].float().cpu(), ours.patch))
        return {}

    width, height, frames = size
    pipe(
        prompt=PROMPT,
        width=width,
        height=height,
        num_frames=frames,
        num_inference_steps=STEPS,
        guidance_scale=1.0,
        latents=from_tokens(ours.noise, ours.grid, ours.patch)[None].to(device),
        output_type="latent",
        callback_on_step_end=look,
        **({} if image is None else {"image": Image.fromarray(image)}),
    )
    return found


def _exact(shape: VideoShape) -> str:
    return f"--size {shape.width}x{shape.height} --frames {shape.frames}"


def _picture(width: int, height: int) -> np.ndarray:
    """A slope of colours [H, W, 3]."""
    down, across = np.mgrid[0:height, 0:width]
    levels = (255 * down // height, 255 * across // width, 255 * (down + across) // (height + width))
    return np.stack(levels, axis=2).astype(np.uint8)
