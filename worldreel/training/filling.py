"""The transformer's task: fill canvases. Text encoder and transformer learn together, on cached latents of the world."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from worldreel.checkpoints import load_into
from worldreel.config import Config
from worldreel.devices import autocast, compute_dtype
from worldreel.flow import draw_levels, length_shift, noised, velocity_loss
from worldreel.media.sheet import save_sheet
from worldreel.models.lowering import lower, share_to_level
from worldreel.models.model import Model, ModelConfig, beside_noise
from worldreel.patches import Grid, Segment, pack, to_tokens
from worldreel.prompting.canvas import Canvas, Cue, blank, unknown
from worldreel.sampling import guided, sample, schedule
from worldreel.text.table import WordTable, load_table
from worldreel.text.tokenizer import Tokenizer
from worldreel.training.latents import Entry, LatentPool, PoolConfig
from worldreel.training.optimizers import muon_and_adamw
from worldreel.training.task import Loss
from worldreel.transformer import Transformer
from worldreel.transformer.growth import grown
from worldreel.worlds.render import to_frames


class FillingConfig(Config):
    model: ModelConfig
    autoencoder: Path
    """The trained `autoencoder.safetensors`."""
    enlarger: Path | None = None
    """The trained `enlarger.safetensors`, where the model has one."""
    start: Path | None = None
    """A model folder whose text encoder and transformer to go on from, with new optimizers and a new warm-up; one of fewer blocks
    is made deeper."""
    expert: Path | None = None
    """The trained `late.safetensors`, where the model has an expert for levels below a boundary; None: it goes without."""
    late: bool = False
    """Whether that expert is what learns, and all else stands still. It goes on from the one in `start`, or from the transformer
    there."""
    table: Path
    """The static word embeddings."""
    tokenizer: Path
    pool: PoolConfig
    muon_rate: float = 3e-3
    adamw_rate: float = 1e-3
    tokens: int = 4096
    """Tokens in a pack, about."""
    menus: int = 24
    """How many different packs there are, by the canvases in them."""
    drop_text: float = 0.1
    given: float = 0.2
    """The share of whole clips of which the first frames are given (animate, extend). Of clips that are cut, something is always
    given: see `draw_wanted`."""
    early: float = 0.0
    """The share of clips and stills whose level is from 0.8 to 0.998, evenly in the logarithm of what is left to 1: there it is
    settled which way things go and, later than all else in a training, since a large clip shows it to the very last, how
    backgrounds fade."""
    fine: float = 0.0
    """The share whose level is drawn without a shift: long clips are else seldom shown the levels of the finest grain."""
    drill: PoolConfig | None = None
    """A pool for drills: steps that show one thing only, at high levels. What a prompt settles there in few of the
    clips is drowned in packs of everything, and is learned in some dozen steps by itself."""
    drill_least: float = 0.95
    """The lowest level of a drill."""
    drill_every: int = 6
    """One step in so many is a drill, where there is a pool for them."""
    graded: float = 0.0
    """The share of whole clips, of which nothing is given, that rise to their level and fall again from frame to frame, as what
    is blended into another does."""
    boards: float = 0.0
    """The share of clips of one canvas, side by side in a pack, that are two shots of a storyboard, each with its own prompt."""
    beside: float = 1.0
    """How much frames that are made beside given ones count: seams are a small part of all that is made, and seen first."""
    channels: tuple[float, ...] = ()
    """How much each channel of the latents counts (empty: all the same)."""
    given_noise: float = 0.1
    """Given tokens are clean half of the time, else noised up to this level, truly labelled."""
    same: float = 0.0
    """The share of clips in one run, of which none is what an edit made, that are shown what they are: of what a prompt does not
    change, all stays."""
    still_text: bool = False
    """Whether the text encoder stands still: what it learned in `WordingRun` outlasts more training of the transformer."""
    compiled: bool = False
    """Whether the transformer's blocks run compiled: about a third faster on CPUs, where a C++ compiler is at hand."""
    seed: int = 0


EDITS = 0.85, 0.985
"""Levels at which what is edited is seen through noise, but no more than what a prompt may outweigh: where edits begin (see
`prompting.edit`)."""
LEAST, BEYOND = 0.02, 0.02
"""The lowest level that an expert for low ones is shown, and how far beyond its boundary the highest one lies."""
EDITED = 0.8
"""The share of scenes with a past of which it is shown."""


@dataclass
class Example:
    """One clip of a pack: clean tokens [N, C] on the device, its runs, which of its tokens are to be made [N], its prompts with
    how many tokens read each. `source` [N, C]: the clip that an edit turned into this one, which the network is shown;
    `over_source`: whether it lies under the noise too, as where an edit begins."""

    clean: Tensor
    runs: tuple[Grid, ...]
    wanted: Tensor
    prompts: tuple[tuple[int, str], ...]
    source: Tensor | None = None
    over_source: bool = False

    @property
    def is_shot(self) -> bool:
        return len(self.runs) == 1 and self.runs[0].frames > 1 and self.source is None

    @property
    def beside_given(self) -> Tensor:
        """Which tokens are to be made right after a given frame or before one [N]."""
        frame = len(self.wanted) // sum(run.frames for run in self.runs)
        given = ~self.wanted
        beside = torch.zeros_like(given)
        beside[frame:] |= given[:-frame]
        beside[:-frame] |= given[frame:]
        return beside & self.wanted

    @property
    def under_noise(self) -> Tensor:
        return self.source if self.source is not None and self.over_source else self.clean

    @property
    def sources(self) -> Tensor:
        """As `Model.predicted` takes them."""
        shown = torch.full((len(self.clean),), self.source is not None, device=self.clean.device)
        return beside_noise(self.clean if self.source is None else self.source, shown)

    def followed_by(self, other: "Example", given: bool) -> "Example":
        """A storyboard: at this shot's end the other one's, with its own prompt. `given`: whether this shot is."""
        (run,) = self.runs
        later = tuple(one._replace(start=(run.frames - 1) * run.seconds + one.start) for one in other.runs)
        wanted = torch.cat([torch.full_like(self.wanted, not given), torch.ones_like(other.wanted)])
        return Example(torch.cat([self.clean, other.clean]), (*self.runs, *later), wanted, (*self.prompts, *other.prompts))


class Filling:
    """See `Task`. `network` holds the text encoder and the transformer; the autoencoder is frozen."""

    def __init__(self, config: FillingConfig, device: torch.device) -> None:
        torch.manual_seed(config.seed)
        self.config, self.device, self.dtype = config, device, compute_dtype(device)
        self.model = build_model(config).to(device)
        self.model.text.requires_grad_(not (config.still_text or config.late))
        self.learning = ("late",) if config.late else ("text", "transformer")
        self.network = nn.ModuleDict({name: getattr(self.model, name) for name in self.learning})
        self.pool = LatentPool(config.pool, self.model.config, self.model.autoencoder, config.seed, overlap=config.late)
        self._compile(config.compiled)
        self.menus = self.pool.menus(config.menus, config.tokens)
        self.drill = LatentPool(config.drill, config.model, self.model.autoencoder, config.seed) if config.drill else None
        self.drill_menus = self.drill.menus(1, config.tokens) if self.drill else []

    def optimizers(self) -> list[torch.optim.Optimizer]:
        return muon_and_adamw(self.network, self.config.muon_rate, self.config.adamw_rate, inside="blocks")

    def loss(self, step: int) -> Loss:
        drill = self.drill if self.drill and step % self.config.drill_every == 0 else None
        pool, menus = (drill, self.drill_menus) if drill else (self.pool, self.menus)
        self.pool.refresh(step)
        pool.refresh(step)
        rng = np.random.default_rng((self.config.seed, 1, step))
        seed = self.config.seed * 1_000_003 + step
        chance = torch.Generator().manual_seed(seed)
        examples = self._draw(rng, pool, menus)
        numbers = itertools.count()
        readers = [tuple((count, next(numbers)) for count, _ in one.prompts) for one in examples]
        layout = pack([Segment(one.runs, reading) for one, reading in zip(examples, readers, strict=True)])
        # What is large is made where it is used.
        clean = torch.cat([one.clean for one in examples])
        under = torch.cat([one.under_noise for one in examples])
        sources = torch.cat([one.sources for one in examples]) if self.config.model.sees_sources else None
        noise = torch.randn(clean.shape, generator=torch.Generator(self.device).manual_seed(seed), device=self.device)
        draw = self._drilled if drill else self._levels
        levels = torch.cat([draw(one, rng, chance) for one in examples]).to(self.device)
        wanted = torch.cat([one.wanted for one in examples]).to(self.device)
        prompts = [self.model.tokenizer.encode(prompt) for one in examples for _, prompt in one.prompts]
        with autocast(self.device, self.dtype):
            texts = self.model.text(prompts)
            noisy = noised(under, noise, levels)
            predict = self.model.predicted_late if self.config.late else self.model.predicted
            predicted = predict(noisy, levels, layout.to(self.device), texts, sources=sources)
        # Given tokens, noised a little or not, are no part of the loss.
        loss = velocity_loss(predicted, clean, levels * wanted, self._weights(examples))
        return Loss(loss, {"tokens": float(len(clean)), "clips": float(len(examples))})

    def _weights(self, examples: Sequence[Example]) -> Tensor:
        """How much the error of each token counts, or of each of its channels: [N, 1] or [N, C]."""
        beside = torch.cat([one.beside_given for one in examples]).to(self.device)
        weights = torch.where(beside, self.config.beside, 1.0)[:, None]
        channels = torch.tensor(self.config.channels, device=self.device)
        return weights * channels.repeat(self.config.model.patch**2) if self.config.channels else weights

    def _draw(self, rng: np.random.Generator, pool: LatentPool, menus: Sequence[Sequence[int]]) -> list[Example]:
        """Scenes of a pool for one of its menus."""
        examples: list[Example] = []
        last: int | None = None
        for canvas in menus[int(rng.integers(len(menus)))]:
            entry = pool.entry(canvas, rng)
            clean = to_tokens(entry.latents.float(), self.config.model.patch)
            source = self._source(entry, clean, rng)
            over = source is not None and rng.random() < 0.5 and not self.config.late
            given = self.config.given if source is None else 0.0
            frames = draw_wanted([run.frames for run in entry.runs], given, rng, entry.draft.known)
            wanted = frames.repeat_interleave(len(clean) // len(frames))
            # What an edit changes has to be said.
            silent = not over and rng.random() < self.config.drop_text
            prompt = "" if silent else entry.caption(rng, whole=source is not None)
            example = Example(clean, entry.runs, wanted, ((len(clean), prompt),), source, over)
            shots = canvas == last and example.is_shot and examples[-1].is_shot
            if self.config.boards and shots and rng.random() < self.config.boards:
                examples[-1] = examples[-1].followed_by(example, rng.random() < self.config.given)
                last = None  # two shots, no more
            else:
                examples.append(example)
                last = canvas
        return examples

    def _source(self, entry: Entry, clean: Tensor, rng: np.random.Generator) -> Tensor | None:
        """What the network is shown of a scene before it was edited [N, C]; None: it is made from noise and words."""
        if entry.before is not None and rng.random() < EDITED:
            return to_tokens(entry.before.float(), self.config.model.patch)
        return clean if self.config.same and len(entry.runs) == 1 and rng.random() < self.config.same else None

    def _levels(self, example: Example, rng: np.random.Generator, chance: torch.Generator) -> Tensor:
        if example.over_source:
            return torch.full((len(example.clean),), _late(rng, *EDITS))
        kind = rng.random()
        if self.config.late:
            level = torch.tensor([float(rng.uniform(LEAST, self.config.model.boundary + BEYOND))])
        elif kind < self.config.early:
            level = torch.tensor([_late(rng, 0.8)])
        else:
            shift = 1.0 if kind < self.config.early + self.config.fine else length_shift(len(example.clean))
            level = draw_levels(1, shift, chance)
        if example.is_shot and self.config.graded and bool(example.wanted.all()) and rng.random() < self.config.graded:
            return torch.minimum(level, _graded(example.runs[0], rng))
        given = 0.0 if rng.random() < 0.5 else float(rng.uniform(0, self.config.given_noise))
        return torch.where(example.wanted, level, given)

    def _drilled(self, example: Example, rng: np.random.Generator, chance: torch.Generator) -> Tensor:
        return torch.where(example.wanted, _late(rng, self.config.drill_least), 0.0)

    @torch.inference_mode()
    def preview(self, network: nn.Module, folder: Path, step: int) -> None:
        """Samples of fixed prompts, with a fixed seed."""
        with self._using(network):
            clips = [self._sample(prompt, number) for number, prompt in enumerate(PREVIEWS)]
        save_sheet(folder / f"step-{step:08d}.png", clips)

    def export(self, network: nn.Module, folder: Path) -> None:
        with self._using(network):
            self.model.save(folder, self.config.tokenizer)

    @contextmanager
    def _using(self, network: nn.Module) -> Iterator[None]:
        """The model with averaged networks in place of those being trained."""
        assert isinstance(network, nn.ModuleDict)
        trained = {name: getattr(self.model, name) for name in self.learning}
        for name in self.learning:
            setattr(self.model, name, network[name])
        self._compile(False)  # samples come in many lengths
        try:
            yield
        finally:
            for name, part in trained.items():
                setattr(self.model, name, part)
            self._compile(self.config.compiled)

    def _compile(self, compiled: bool) -> None:
        for network in self.model.transformers:
            network.compiled = compiled

    def _sample(self, prompt: str, seed: int) -> np.ndarray:
        defaults = self.config.model.defaults
        canvas = Canvas(blank(25, defaults.height, defaults.width), unknown(25), Fraction(12), (Cue(0.0, prompt),))
        lowered = lower(self.model, canvas)
        texts, layout = self.model.read([prompt, ""]), lowered.layout(lowered.readers, lowered.all_read(1))
        levels = schedule(16, length_shift(lowered.tokens))

        def predict(tokens: Tensor, now: Tensor) -> Tensor:
            both = self.model.denoise(torch.cat([tokens, tokens]), torch.cat([now, now]), layout, texts)
            conditional, unconditional = both.chunk(2)
            return guided(conditional, unconditional, defaults.guidance)

        count = self.config.model.token_channels
        noise = torch.randn(lowered.tokens, count, generator=torch.Generator().manual_seed(seed)).to(self.device)
        tokens = sample(predict, noise, levels)
        video = torch.cat(list(self.model.decode(tokens, lowered.pieces[0].grid)), dim=2)
        return to_frames(video[0])

    def state(self) -> dict[str, Tensor]:
        return self.pool.state()

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        self.pool.load_state(state)


def draw_wanted(frames: Sequence[int], given: float, rng: np.random.Generator, known: int = 0) -> Tensor:
    """Which latent frames of a clip are to be made, for runs of so many latent frames each.

    Of a single run, its first frames are given in a share of `given`: one of them as often as more. Of two runs, it is the
    second (extend backward), the beginning of the first and the second (loop, connect, fill), or the second's beginning (extend
    both ways). `known`: so many at the beginning of the first, and the second (0: as above).
    """
    wanted = torch.ones(sum(frames), dtype=torch.bool)
    if len(frames) == 1:
        if frames[0] > 1 and rng.random() < given:
            wanted[: 1 if rng.random() < 0.5 else int(rng.integers(1, frames[0]))] = False
        return wanted
    first, second = frames
    if known:
        wanted[:known] = wanted[first:] = False
        return wanted
    kind = str(rng.choice(["suffix", "both ends", "middle"]))
    last = int(rng.integers(1, second + 1)) if kind == "middle" else second
    wanted[first : first + last] = False
    if kind == "both ends":
        wanted[: int(rng.integers(1, first))] = False
    return wanted


def _late(rng: np.random.Generator, least: float, most: float = 0.998) -> float:
    """A level, evenly in the logarithm of what is left to 1."""
    left = (1 - least) * ((1 - most) / (1 - least)) ** rng.random()
    return float(1 - left)


def _graded(run: Grid, rng: np.random.Generator) -> Tensor:
    """The most noise for each token of a run [N]: all at one frame, and evenly less before and after it."""
    peak, reach = rng.uniform(0.25, 0.75) * (run.frames - 1), rng.uniform(0.4, 0.8) * run.frames
    shares = torch.from_numpy(1 - np.abs(np.arange(run.frames) - peak) / reach).float().clamp(0, 1)
    return share_to_level(shares, length_shift(run.tokens)).repeat_interleave(run.tokens // run.frames)


PREVIEWS = (
    "a dog walks to the left on a blue background",
    "a penguin walks to the right on a yellow background",
    "a rocket flies up on a black background",
    "an owl flies down on a green background",
    "a pumpkin stands on the left on a purple background",
    "a cow stands on the right on a background fading from blue to white",
    "a unicorn on the left and a robot on the right on a pink background",
)


def build_model(config: FillingConfig) -> Model:
    """A model with a trained autoencoder, the static word table, and everything else new."""
    shape = config.model if config.late or config.expert else config.model.with_expert(0.0, None)
    model = Model(shape, Tokenizer(config.tokenizer, config.model.text.maximum_tokens))
    load_into(model.autoencoder, config.autoencoder)
    if model.enlarger is not None and config.enlarger is not None:
        load_into(model.enlarger, config.enlarger)
    model.text.table.load_state_dict(WordTable(load_table(config.table)).state_dict())
    if config.start is not None:
        load_into(model.text, config.start / "text.safetensors")
        _go_on(model.transformer, config.start / "transformer.safetensors")
    if model.late is not None and config.late and config.start is not None:
        expert = config.start / "late.safetensors"
        _go_on(model.late, expert if expert.exists() else config.start / "transformer.safetensors")
    elif model.late is not None and config.expert is not None:
        load_into(model.late, config.expert)
    model.autoencoder.eval().requires_grad_(False)
    return model


def _go_on(network: Transformer, path: Path) -> None:
    """From weights of as many blocks, or of fewer."""
    load_into(network, path, lambda tensors, _: grown(tensors, network.config.blocks))
