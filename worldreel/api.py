"""The Python API: `worldreel.load(name)` gives a handle whose methods are the verbs."""

import inspect
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from worldreel.devices import parse_memory, pick_device
from worldreel.generation import Compressed, Progress, Settings, Watch, carry_out, compress, decompress, plan
from worldreel.media import Clip, read
from worldreel.models import Bundle, Expert, Knows, SolverName, load_model
from worldreel.prompting import MODES, Composition

__all__ = ["Clip", "Compressed", "Handle", "Progress", "load"]


def load(name: str = "tiny", device: str | None = None, memory: str | None = None) -> "Handle":
    """A model that is ready: a bundled one by its name, a folder that holds one, of ours or a Wan repository, or the id of such a
    repository on the hub, which is fetched.

    `device`: cpu, cuda, mps; None takes the best there is. `memory`: what a generation may take of it, such as "8GB"; blocks of
    the transformer that find no room come to the device as they run, with the same result. None: all there is. Raises UserError
    for an unknown name, a folder that is no model, weights that are damaged or another model's, and what cannot be fetched.
    """
    bound = None if memory is None else parse_memory(memory)
    return Handle(load_model(name, pick_device(device), bound))


def _unwatched(progress: Progress) -> None:
    pass


class Handle:
    """A loaded model. What a user did wrong is a `UserError` of one line; nothing is written to disk but by `save`.

    Each mode of `worldreel.prompting` is a method: `generate`, `image`, `animate`, `extend`, `loop`, `connect`, `fill`, `edit`,
    `enlarge`, `storyboard`. It takes what the mode takes, clips also as files, and beside that `negative`: what to lead away
    from; `steps`: of denoising; `guidance`: how strongly the prompt is followed, 1 is without guidance (`late_guidance`: the
    same for low levels, of models with a second network for them); `seed`: the same one gives the same video, None draws one
    (it is in the clip's metadata); `solver`: "euler", "stochastic", "multistep" or "unipc"; `draft`: a quick look, in eight
    steps; `watch`: called with a `Progress` after each step; `fast`: saves work where that changes the result a little (the
    notes of `plan` say what it costs). None stands for the model's default.
    """

    def __init__(self, model: Bundle) -> None:
        self.model = model

    if TYPE_CHECKING:

        def __getattr__(self, mode: str) -> Callable[..., Clip]: ...

    @property
    def name(self) -> str:
        return self.model.config.name

    @property
    def knows(self) -> Knows:
        """What it was taught: subjects, directions, backgrounds, sizes, lengths, and its limits in words."""
        return self.model.config.knows

    def known(self, prompt: str) -> dict[str, str]:
        """The words of a prompt that mean something to it, each with the taught word nearest to it; empty if none does, or if
        it was taught too much to list."""
        return self.model.known(prompt)

    def renamed(self, prompt: str) -> dict[str, str]:
        """The words of a prompt that it was never told, each with the one that it reads instead, being near to it ("hound":
        "dog")."""
        return self.model.renamed(prompt)

    def left_out(self, prompt: str) -> dict[str, str]:
        """The words of a prompt that it does not read, each with the reason: those that mean nothing to it, and the colours of
        subjects that have their own ("a red car")."""
        return self.model.left_out(prompt)

    def adapt(
        self, lora: str | PathLike[str], strength: float = 1.0, *, merged: bool = True, expert: Expert | None = None
    ) -> None:
        """Adds a LoRA, with its own scale times `strength`: into the weights, or beside them (slower, but they stay as they
        were). `expert`: of models with one transformer for high levels ("early") and one for low ("late"), the one that it is
        for. Raises UserError for a file that is damaged or another model's; then nothing has changed."""
        self.model.adapt(Path(lora), strength, merged=merged, expert=expert)

    def compress(self, clip: Clip | str | PathLike[str], watch: Watch = _unwatched, *, refine: int = 0) -> Compressed:
        """A clip, or the file of one, as latents; `.save("x.safetensors")` writes them. `refine`: steps of looking for better
        latents than the encoder's; 20 are most of the gain, and take some sixty times as long as decoding."""
        return compress(self.model, clip if isinstance(clip, Clip) else read(clip), watch, refine)

    def decompress(self, latents: Compressed | str | PathLike[str], watch: Watch = _unwatched) -> Clip:
        """The clip of latents, or of the file of some; its frames are decoded as they are asked for."""
        return decompress(self.model, latents, watch)


def takes_clip(parameter: inspect.Parameter) -> bool:
    """Whether a mode's argument is a clip (or, if it is left out, none)."""
    plain = get_args(parameter.annotation)[0] if hasattr(parameter.annotation, "__metadata__") else parameter.annotation
    return plain is Clip or Clip in get_args(plain)


def _method(name: str, mode: Callable[..., Composition]) -> Callable[..., Clip]:
    signature = inspect.signature(mode)
    signature = signature.replace(parameters=[one for key, one in signature.parameters.items() if key != "within"])

    def method(
        self: Handle,
        *given: object,
        negative: str | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        late_guidance: float | None = None,
        seed: int | None = None,
        solver: SolverName | None = None,
        draft: bool = False,
        fast: bool = False,
        watch: Watch = _unwatched,
        **asked: object,
    ) -> Clip:
        bound = signature.bind(*given, **asked)
        for key, value in bound.arguments.items():
            if takes_clip(signature.parameters[key]) and isinstance(value, str | PathLike):
                bound.arguments[key] = read(value)
        settings = Settings(
            negative=negative,
            steps=steps,
            guidance=guidance,
            late_guidance=late_guidance,
            seed=seed,
            solver=solver,
            draft=draft,
            fast=fast,
        )
        return carry_out(self.model, plan(self.model.config, name, *bound.args, settings=settings, **bound.kwargs), watch)

    method.__name__, method.__doc__ = name, mode.__doc__
    method.__qualname__ = f"Handle.{name}"
    return method


for _name, _mode in MODES.items():
    setattr(Handle, _name, _method(_name, _mode))
