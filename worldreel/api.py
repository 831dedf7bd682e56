"""The Python API: `worldreel.load(name)` gives a handle whose methods are the verbs."""

from os import PathLike

from worldreel.devices import pick_device
from worldreel.generation import Compressed, Progress, Request, Watch, compress, decompress, generate
from worldreel.media import Clip, read
from worldreel.models import Knows, Model, load_model
from worldreel.shapes import parse_size
from worldreel.text import Knowledge

__all__ = ["Clip", "Compressed", "Handle", "Progress", "load"]


def load(name: str = "tiny", device: str | None = None) -> "Handle":
    """A model that is ready: a bundled one by its name, or a folder that holds one.

    `device`: cpu, cuda, mps; None takes the best there is. Raises UserError for an unknown name, a folder that is no model,
    and weights that are damaged or another model's.
    """
    chosen = pick_device(device)
    return Handle(load_model(name).to(chosen))


def _unwatched(progress: Progress) -> None:
    pass


class Handle:
    """A loaded model. What a user did wrong is a `UserError` of one line; nothing is written to disk but by `save`."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @property
    def name(self) -> str:
        return self.model.config.name

    @property
    def knows(self) -> Knows:
        """What it was taught: subjects, directions, backgrounds, sizes, lengths, and its limits in words."""
        return self.model.config.knows

    def known(self, prompt: str) -> dict[str, str]:
        """The words of a prompt that mean something to it, each with the taught word nearest to it; empty if none does."""
        table = self.model.text.table.detach().cpu()
        return Knowledge(self.model.tokenizer, table).nearest_known(prompt, self.knows.words)

    def generate(
        self,
        prompt: str,
        *,
        size: str | None = None,
        seconds: float | None = None,
        frames: int | None = None,
        fps: float | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        negative: str = "",
        seed: int | None = None,
        watch: Watch = _unwatched,
    ) -> Clip:
        """A video of the prompt, exactly of the size, length and rate that are asked for.

        `size`: "WIDTHxHEIGHT" in pixels; `seconds` or `frames`: the length, one of them; `fps`: frames a second; `steps`: of
        denoising; `guidance`: how strongly the prompt is followed, 1 is without guidance; `negative`:
        what to lead away from; `seed`: the same one gives the same video, None draws one (it is in the clip's metadata);
        `watch`: called with a `Progress` after each step. None stands for the model's default.
        """
        width, height = (None, None) if size is None else parse_size(size)
        request = Request(
            prompt=prompt,
            negative=negative,
            width=width,
            height=height,
            seconds=seconds,
            frames=frames,
            fps=fps,
            steps=steps,
            guidance=guidance,
            seed=seed,
        )
        return generate(self.model, request, watch)

    def image(
        self,
        prompt: str,
        *,
        size: str | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        negative: str = "",
        seed: int | None = None,
        watch: Watch = _unwatched,
    ) -> Clip:
        """An image of the prompt: a clip of one frame. Arguments are those of `generate`."""
        return self.generate(
            prompt, size=size, frames=1, steps=steps, guidance=guidance, negative=negative, seed=seed, watch=watch
        )

    def compress(self, clip: Clip | str | PathLike[str], watch: Watch = _unwatched) -> Compressed:
        """A clip, or the file of one, as latents; `.save("x.safetensors")` writes them."""
        return compress(self.model, clip if isinstance(clip, Clip) else read(clip), watch)

    def decompress(self, latents: Compressed | str | PathLike[str], watch: Watch = _unwatched) -> Clip:
        """The clip of latents, or of the file of some; its frames are decoded as they are asked for."""
        return decompress(self.model, latents, watch)
