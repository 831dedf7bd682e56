"""What a user asks for, checked in full before any work begins."""

import math
import secrets
from fractions import Fraction

from worldreel.config import Config
from worldreel.errors import UserError
from worldreel.models import ModelConfig
from worldreel.shapes import VideoShape

LONGEST_PROMPT = 4000
MOST_STEPS = 1000
LARGEST_GUIDANCE = 100.0


class Request(Config):
    """What to make, as far as the user said; None stands for the model's own default."""

    prompt: str
    negative: str = ""
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    frames: int | None = None
    fps: float | None = None
    steps: int | None = None
    guidance: float | None = None
    seed: int | None = None


class Plan(Config):
    """A request with nothing left open: the same plan gives the same video."""

    prompt: str
    negative: str
    width: int
    height: int
    frames: int
    fps: Fraction
    steps: int
    guidance: float
    seed: int

    @property
    def shape(self) -> VideoShape:
        return VideoShape(self.frames, self.height, self.width)


def plan(request: Request, model: ModelConfig) -> Plan:
    """Fills in the model's defaults and checks every value. Raises UserError naming the argument, the value and the way out."""
    defaults = model.defaults
    _check_prompt(request.prompt, "the prompt", may_be_empty=False)
    _check_prompt(request.negative, "--negative", may_be_empty=True)
    fps = _rate(defaults.fps if request.fps is None else request.fps)
    settled = Plan(
        prompt=_writable(request.prompt.strip()),
        negative=_writable(request.negative.strip()),
        width=defaults.width if request.width is None else request.width,
        height=defaults.height if request.height is None else request.height,
        frames=_frames(request, fps, model),
        fps=fps,
        steps=defaults.steps if request.steps is None else request.steps,
        guidance=defaults.guidance if request.guidance is None else request.guidance,
        seed=secrets.randbelow(2**31) if request.seed is None else request.seed,
    )
    if not 1 <= settled.steps <= MOST_STEPS:
        raise UserError(f"--steps {settled.steps}: take 1 to {MOST_STEPS}; {defaults.steps} is the model's default")
    if not 0 <= settled.guidance <= LARGEST_GUIDANCE:
        raise UserError(
            f"--guidance {settled.guidance}: take 0 to {LARGEST_GUIDANCE:g}; {defaults.guidance:g} is the model's default"
        )
    if not 0 <= settled.seed < 2**63:
        raise UserError(f"--seed {settled.seed}: take a whole number from 0 up to 2^63 - 1")
    _check_extent(settled, model)
    return settled


def _check_prompt(text: str, name: str, *, may_be_empty: bool) -> None:
    if not text.strip() and not may_be_empty:
        raise UserError(f"{name} is empty; say what to show, for example 'a dog walks to the left on a blue background'")
    if len(text) > LONGEST_PROMPT:
        raise UserError(f"{name} has {len(text)} characters; {LONGEST_PROMPT} is the most")


def _writable(text: str) -> str:
    """An argument whose bytes are no UTF-8 arrives as lone surrogates, which no metadata can hold."""
    return text.encode("utf-8", "replace").decode()


def _rate(fps: float) -> Fraction:
    if not (math.isfinite(fps) and 0.1 <= fps <= 120):
        raise UserError(f"--fps {fps}: take 0.1 to 120 frames a second")
    return Fraction(fps).limit_denominator(1001)


def _frames(request: Request, fps: Fraction, model: ModelConfig) -> int:
    """Frames as asked for, or as many as fill the seconds, rounded to the nearest."""
    default_seconds, most = model.defaults.seconds, model.limits.seconds
    if request.frames is not None:
        if request.seconds is not None:
            raise UserError(f"--frames {request.frames} and --seconds {request.seconds:g} were both given; give one of them")
        if request.frames < 1:
            raise UserError(f"--frames {request.frames}: take 1 (an image) or more")
        if request.frames > most * fps:
            allowed = f"{math.floor(most * fps)} ({most:g} s at {float(fps):g} fps)"
            raise UserError(f"--frames {request.frames}: {allowed} are the most with {model.name}")
        return request.frames
    seconds = default_seconds if request.seconds is None else request.seconds
    if not (math.isfinite(seconds) and seconds > 0):
        raise UserError(f"--seconds {seconds}: take a time above 0, such as {default_seconds:g}")
    if seconds > most:
        raise UserError(f"--seconds {seconds:g}: {most:g} is the most with {model.name}")
    return max(1, round(seconds * fps))


def _check_extent(settled: Plan, model: ModelConfig) -> None:
    """Refuses what cannot be held, before any of it is held."""
    limits, size = model.limits, f"{settled.width}x{settled.height}"
    if min(settled.width, settled.height) < 1:
        raise UserError(f"--size {size}: each side must be a whole number of pixels from 1 up; write it as 128x128")
    memory = estimate_memory(settled, model)
    if max(settled.width, settled.height) > limits.side:
        raise UserError(
            f"--size {size}: sides go up to {limits.side} with {model.name}; "
            f"this would take about {memory / 2**30:,.1f} GB of memory"
        )
    tokens = model.grid(model.padded(settled.shape), settled.fps).tokens
    if tokens > limits.tokens:
        raise UserError(
            f"{size} with {settled.frames} frames is {tokens:,} tokens, about {memory / 2**30:,.1f} GB of memory; "
            f"{limits.tokens:,} is the most for {model.name}: take a smaller --size or fewer --seconds"
        )


def estimate_memory(settled: Plan, model: ModelConfig) -> int:
    """Bytes that making it takes beyond the weights, roughly: activations of both halves of guidance, a decoded band, frames."""
    tokens = model.grid(model.padded(settled.shape), settled.fps).tokens
    transformer = model.transformer
    activations = 2 * tokens * 4 * (12 * transformer.width + transformer.mlp_width + 2 * transformer.channels)
    decoding = 64 * 4 * settled.width * min(settled.height, 512) * 8
    return activations + decoding + 3 * settled.shape.pixels
