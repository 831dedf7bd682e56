"""What a user asks for, checked in full before any work begins."""

import math
import secrets
from dataclasses import dataclass, replace
from fractions import Fraction

from worldreel.config import Config
from worldreel.errors import UserError
from worldreel.generation.memory import estimate_memory
from worldreel.models import BundleConfig, SolverName
from worldreel.prompting import MODES, Bounds, Canvas, Composition
from worldreel.prompting.composition import with_prompts
from worldreel.shapes import VideoShape

LONGEST_PROMPT = 4000
MOST_STEPS = 1000
LARGEST_GUIDANCE = 100.0
DRAFT_STEPS = 8
FEW_TOKENS = 64
"""Of a frame. With fewer, subjects come out right less often: at 168x72, 55 tokens with `tiny`, than at 224x96 and shrunk
(figures in `records/LOG.md`)."""


class Settings(Config):
    """How to sample, as far as the user said; None stands for the model's own default."""

    negative: str | None = None
    steps: int | None = None
    guidance: float | None = None
    late_guidance: float | None = None
    """Of models with a second expert for low levels; None stands for `guidance` where that was said."""
    seed: int | None = None
    solver: SolverName | None = None
    draft: bool = False
    """A few steps of the multistep solver: a quick look at what a seed will give."""
    fast: bool = False
    """Whether to save work where that changes the result, as the model's defaults say."""


@dataclass(frozen=True)
class Plan:
    """A request with nothing left open: the same plan gives the same video."""

    mode: str
    composition: Composition
    negative: str
    steps: int
    guidance: float
    late_guidance: float
    """Below the boundary between two experts, of models that have two; else the same."""
    given_guidance: float | None
    """Instead of both where given frames are to go on, or what is edited is shown; None: both hold there too."""
    seed: int
    solver: SolverName
    fast: bool = False
    experimental: tuple[str, ...] = ()
    """Kinds of canvas that it holds and that the model was not taught."""
    shows_sources: bool = False
    """Whether the model is shown what it edits, which says as much as given frames do."""

    @property
    def prompt(self) -> str:
        """The prompts of all canvases in order, each once."""
        return " | ".join(dict.fromkeys(cue.prompt for canvas in self.composition.canvases for cue in canvas.cues))

    @property
    def frames(self) -> int:
        """Of the result."""
        return self.composition.frames

    def scales(self, canvas: Canvas) -> tuple[float, float]:
        """Guidance for a canvas, above and below the boundary between two experts."""
        if self.given_guidance is not None and (canvas.goes_on or (canvas.edited and self.shows_sources)):
            return self.given_guidance, self.given_guidance
        return self.guidance, self.late_guidance

    @property
    def guided(self) -> bool:
        """Whether any step needs the unconditional half."""
        return not {self.guidance, self.late_guidance, self.given_guidance} <= {1, None}

    def muted(self) -> "Plan":
        """The same without any text, as a model would make it that ignores what it is told."""
        silent = with_prompts(self.composition, lambda prompt: "")
        return replace(self, composition=silent, negative="", guidance=1.0, late_guidance=1.0, given_guidance=None)


def plan(model: BundleConfig, mode: str, *given: object, settings: Settings | None = None, **asked: object) -> Plan:
    """What a mode makes of its arguments, with the model's defaults filled in and every value checked.

    Raises UserError naming the argument, the value and the way out.
    """
    settings, defaults = settings or Settings(), model.defaults
    if settings.draft and settings.steps is not None:
        raise UserError(f"--draft and --steps {settings.steps}: a draft takes {DRAFT_STEPS} steps; give one of the two")
    steps = DRAFT_STEPS if settings.draft else settings.steps
    solver: SolverName | None = "multistep" if settings.draft else settings.solver
    composition = with_prompts(
        MODES[mode](*given, **asked, within=bounds(model)),
        lambda prompt: _checked_prompt(prompt, "the prompt", may_be_empty=False),
    )
    untaught = tuple(kind for kind in composition.kinds if kind not in (*model.knows.canvases, "given"))
    if untaught:
        note = f"experimental: {model.name} was not taught canvases of the kind {' or '.join(untaught)}"
        composition = replace(composition, remarks=(*composition.remarks, note))
    if settings.fast:
        note = f"fast: the result is not the exact one; what that costs with {model.name}: {defaults.fast.cost}"
        composition = replace(composition, remarks=(*composition.remarks, note))
    negative = defaults.negative if settings.negative is None else settings.negative
    guidance = defaults.guidance if settings.guidance is None else settings.guidance
    late = defaults.late_guidance if settings.guidance is None else guidance
    late = late if settings.late_guidance is None else settings.late_guidance
    settled = Plan(
        mode=mode,
        composition=composition,
        negative=_checked_prompt(negative, "--negative", may_be_empty=True),
        steps=defaults.steps if steps is None else steps,
        guidance=guidance,
        late_guidance=guidance if late is None else late,
        given_guidance=defaults.given_guidance if settings.guidance is settings.late_guidance is None else None,
        seed=secrets.randbelow(2**31) if settings.seed is None else settings.seed,
        solver=solver or defaults.solver,
        fast=settings.fast,
        experimental=untaught,
        shows_sources=model.sees_sources,
    )
    if not 1 <= settled.steps <= MOST_STEPS:
        raise UserError(f"--steps {settled.steps}: take 1 to {MOST_STEPS}; {defaults.steps} is the model's default")
    for name, value in (("--guidance", settled.guidance), ("--late-guidance", settled.late_guidance)):
        if not 0 <= value <= LARGEST_GUIDANCE:
            raise UserError(f"{name} {value}: take 0 to {LARGEST_GUIDANCE:g}; {defaults.guidance:g} is the model's default")
    if not 0 <= settled.seed < 2**63:
        raise UserError(f"--seed {settled.seed}: take a whole number from 0 up to 2^63 - 1")
    return settled


def bounds(model: BundleConfig) -> Bounds:
    """What a mode may ask of this model."""
    defaults, knows = model.defaults, model.knows
    return Bounds(
        model=model.name,
        width=defaults.width,
        height=defaults.height,
        seconds=defaults.seconds,
        fps=Fraction(defaults.fps).limit_denominator(1001),
        most=model.limits.seconds,
        sizes=tuple(model.taught_sizes),
        few=FEW_TOKENS * (model.autoencoder.compression.space * model.patch) ** 2,
        longest=knows.seconds[1],
        fastest=Fraction(knows.fps[1]).limit_denominator(1001),
        check=lambda shape, fps: _check(shape, fps, model),
        shows_edited=model.sees_sources,
        enlarges=model.enlarges,
    )


def _check(shape: VideoShape, fps: Fraction, model: BundleConfig) -> None:
    """Refuses what cannot be held, before any of it is held."""
    limits, size = model.limits, f"{shape.width}x{shape.height}"
    if min(shape.width, shape.height) < 1:
        raise UserError(f"--size {size}: each side must be a whole number of pixels from 1 up; write it as 128x128")
    if shape.frames > max(1, limits.seconds * fps):
        allowed = f"{math.floor(limits.seconds * fps)} ({limits.seconds:g} s at {float(fps):g} fps)"
        raise UserError(f"{shape.frames} frames: {allowed} are the most with {model.name}; take fewer --seconds or --frames")
    memory = estimate_memory(shape, fps, model)
    if max(shape.width, shape.height) > limits.side:
        raise UserError(
            f"--size {size}: sides go up to {limits.side} with {model.name}; "
            f"this would take about {memory / 2**30:,.1f} GB of memory"
        )
    tokens = model.grid(model.padded(shape), fps).tokens
    if tokens > limits.tokens:
        raise UserError(
            f"{size} with {shape.frames} frames is {tokens:,} tokens, about {memory / 2**30:,.1f} GB of memory; "
            f"{limits.tokens:,} is the most for {model.name}: take a smaller --size or fewer --seconds"
        )


def _checked_prompt(text: str, name: str, *, may_be_empty: bool) -> str:
    """Without spaces around it. An argument whose bytes are no UTF-8 arrives as lone surrogates, which no metadata can hold."""
    if not text.strip() and not may_be_empty:
        raise UserError(f"{name} is empty; say what to show, for example 'a dog walks to the left on a blue background'")
    if len(text) > LONGEST_PROMPT:
        raise UserError(f"{name} has {len(text)} characters; {LONGEST_PROMPT} is the most")
    return text.strip().encode("utf-8", "replace").decode()
