"""Codec: how much of a video is left after it went through a model's autoencoder."""

from functools import partial
from pathlib import Path

from pydantic import Field

from worldreel.config import Config
from worldreel.evaluation import reconstruction
from worldreel.evaluation.codecs import video_codec
from worldreel.evaluation.results import Result
from worldreel.evaluation.suites.options import Options
from worldreel.models import load_model
from worldreel.perception.i3d import load_i3d, recognised


class CodecSettings(Config):
    strips: Path | None = None
    """A folder of held-out film strips."""
    scenes: int = Field(default=16, ge=1)
    refine: int = Field(default=0, ge=0)
    """Steps by which latents are refined (`worldreel compress --refine`)."""
    rfvd: bool = False
    """Whether to take the Fréchet video distance too, which wants the I3D network (docs/perception.md) and a second a clip."""


def codec(name: str, options: Options) -> dict[str, Result]:
    """How much of a video is left after it went through a model's autoencoder."""
    settings = CodecSettings().changed(list(options.settings))
    model = load_model(name)
    recognise = partial(recognised, load_i3d()) if settings.rfvd else None
    through = video_codec(model, settings.refine)
    return reconstruction.measure(through, settings.strips, scenes=settings.scenes, recognise=recognise)
