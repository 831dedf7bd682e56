"""What can be known of a Wan repository without its weights: networks, schedule, defaults, what it was taught."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from worldreel.config import first_fault
from worldreel.errors import UserError
from worldreel.models.bundle import BundleConfig, Defaults, Descent, Knows, Limits
from worldreel.models.hub import name_of
from worldreel.models.wan.autoencoder import autoencoder_config
from worldreel.models.wan.repository import INDEX, Repository
from worldreel.models.wan.text import LONGEST, encoder_block, encoder_weights
from worldreel.models.wan.transformer import transformer_config
from worldreel.patches import Grid
from worldreel.shapes import VideoShape

PATCH = 2
TRAINING_STEPS = 1000
# The words that Wan's own programs lead away from (Wan-Video/Wan2.1, wan/configs/shared_config.py, Apache-2.0).
NEGATIVE = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，低质量，JPEG压缩残留，丑陋的，残缺的，"  # noqa: RUF001
    "多余的手指，画得不好的手部，画得不好的脸部，畸形的，毁容的，形态畸形的肢体，手指融合，静止不动的画面，杂乱的背景，三条腿，背景人很多，"  # noqa: RUF001
    "倒着走"
)


class WanConfig(BundleConfig):
    """Beside what every bundle has: how Wan is told levels, and what goes in beside noisy tokens."""

    many_runs: bool = False
    mapped: bool = True
    whole_steps: bool = False
    """The network is told its level in whole thousandths, rounded down, as it was in its own sampler."""

    @property
    def guided_by_channels(self) -> bool:
        """Whether the transformer takes what is known as channels of its own: a mask and latents (image to video)."""
        return self.transformer.channels > self.token_channels

    @property
    def text_tokens(self) -> int:
        return LONGEST

    def grid(self, video: VideoShape, fps: Fraction) -> Grid:
        """Positions are numbers of latent frames, whatever the rate."""
        compression = self.autoencoder.compression
        rate = float(fps) / compression.time
        return Grid.of(compression.latent(video), PATCH, 1 / rate, ticks=rate)

    def stored(self, name: str, axes: int, dtype: torch.dtype) -> torch.dtype:
        """Matrices as products want them; norms, tables and the time embedding exactly."""
        exact = axes == 1 or name.endswith("table") or name.startswith("time.")
        return torch.float32 if exact else dtype


def load_config(folder: Path) -> WanConfig:
    """Raises UserError for a folder that is not Wan's, in a line that names the file at fault."""
    repository = Repository.open(folder)
    path = folder / INDEX
    try:
        return _described(repository)
    except UserError:
        raise
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        fault = first_fault(error) if isinstance(error, ValidationError) else repr(error)
        raise UserError(f"{path}: its configurations are no Wan that we know ({fault}); fetch the repository again") from error


def _described(repository: Repository) -> WanConfig:
    transformer = transformer_config(repository.config("transformer"))
    autoencoder = autoencoder_config(repository.config("vae"))
    if transformer.outputs != PATCH**2 * autoencoder.latent_channels:
        wanted = f"{PATCH**2} x {autoencoder.latent_channels} channels of vae/"
        raise UserError(f"{repository.folder}: transformer/ predicts {transformer.outputs} values, not {wanted}")
    boundary = repository.index.get("boundary_ratio") if repository.has("transformer_2") else None
    by_token = bool(repository.index.get("expand_timesteps"))
    by_channels = transformer.channels > transformer.outputs
    scheduler = repository.config("scheduler", "scheduler_config.json")
    described = repository.path("text_encoder", "config.json").is_file()  # whoever reads prompts says that it is missing
    encoder = repository.config("text_encoder") if described else {}
    return WanConfig(
        name=name_of(repository.folder),
        autoencoder=autoencoder,
        transformer=transformer,
        patch=PATCH,
        levels="token" if by_token else "sample",
        boundary=boundary or 0.0,
        descent=_descent(scheduler, repository),
        whole_steps=scheduler["_class_name"] == "UniPCMultistepScheduler",
        defaults=_defaults(by_token, by_channels, boundary, scheduler),
        limits=Limits(side=2048, seconds=60.0, tokens=131_072),
        knows=_knows(by_token, by_channels),
        reader_weights=encoder_weights(encoder),
        reader_part=encoder_block(encoder),
    )


def _descent(scheduler: Mapping[str, Any], repository: Repository) -> Descent:
    """As the repository's own scheduler goes down; the lowest level of training is the last of a thousand."""
    name, least = scheduler["_class_name"], 1 / TRAINING_STEPS
    if name == "UniPCMultistepScheduler" and scheduler.get("use_flow_sigmas"):
        return Descent(shift=scheduler["flow_shift"], least=least)
    if name == "FlowMatchEulerDiscreteScheduler" and not scheduler.get("use_dynamic_shifting"):
        shift = scheduler["shift"]
        # That scheduler's own lowest level is shifted already, and is shifted again.
        return Descent(shift=shift, least=shift * least / (1 + (shift - 1) * least), reaches_least=True)
    path = repository.path("scheduler", "scheduler_config.json")
    raise UserError(f"{path} is of a {name} that no Wan has; give FlowMatchEulerDiscrete or UniPCMultistep with flow sigmas")


def _defaults(by_token: bool, by_channels: bool, boundary: float | None, scheduler: Mapping[str, Any]) -> Defaults:
    """As the model cards of each family say (Wan-AI, 2025)."""
    solver = "unipc" if scheduler["_class_name"] == "UniPCMultistepScheduler" else "euler"
    common = {"negative": NEGATIVE, "solver": solver}
    if by_token:  # 2.2, 5B
        return Defaults(width=1280, height=704, seconds=121 / 24, fps=24, steps=50, guidance=5.0, **common)
    size = {"width": 832, "height": 480, "seconds": 81 / 16, "fps": 16}
    if boundary is None:  # 2.1
        return Defaults(**size, steps=50, guidance=5.0, **common)
    if by_channels:  # 2.2, image to video
        return Defaults(**size, steps=40, guidance=3.5, **common)
    return Defaults(**size, steps=40, guidance=4.0, late_guidance=3.0, **common)


def _knows(by_token: bool, by_channels: bool) -> Knows:
    taught = ("text", "first frame") if by_token else ("first frame",) if by_channels else ("text",)
    return Knows(
        summary="Footage of the real world and of imagined ones, from prompts in English and Chinese.",
        sizes=("1280x704", "704x1280") if by_token else ("832x480", "480x832", "1280x720", "720x1280"),
        seconds=(0.0, 121 / 24 if by_token else 81 / 16),
        fps=(24.0, 24.0) if by_token else (16.0, 16.0),
        canvases=taught,
    )
