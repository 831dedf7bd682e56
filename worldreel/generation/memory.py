"""What a generation takes of the device's memory, and which blocks of the transformer lie where."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import torch

from worldreel.autoencoder.memory import decoding_bytes
from worldreel.devices import overhead
from worldreel.errors import UserError
from worldreel.models import BundleConfig, Weights, band_rows, weights_of
from worldreel.models.windows import extent, number_of_stretches
from worldreel.prompting import Composition
from worldreel.shapes import VideoShape
from worldreel.transformer.attention import short
from worldreel.transformer.memory import Pass, activation_bytes
from worldreel.transformer.mlp import fuses

TOGETHER = 8192
"""Tokens of both halves of guidance up to which they share a pack; longer ones run in turn."""


KEPT = 8
"""One part in so many of the weights that always stay is what a CPU's allocator keeps beside them once they are loaded (measured
with weights in the shape of Wan 2.2 TI2V 5B: some 140 MiB beside 1,535)."""


class Work(NamedTuple):
    """What is to be made of one canvas, as far as memory is concerned. `draft`: whether something is known everywhere, so that it
    may be made in windows."""

    shape: VideoShape
    fps: Fraction
    prompts: int = 1
    guided: bool = True
    fast: bool = False
    draft: bool = False

    def __str__(self) -> str:
        frames, height, width = self.shape
        return f"{width}x{height} with {frames} frame{'s' * (frames > 1)}"


class Need(NamedTuple):
    """Bytes beside the weights, of the two stages that take most."""

    denoising: int
    decoding: int


@dataclass(frozen=True)
class Placement:
    """Of `blocks`, how many stay on the device; and the most bytes that will be taken there."""

    blocks: int
    resident: int
    peak: int

    def __str__(self) -> str:
        guests = self.blocks - self.resident
        stay = f"{self.resident} stay on the device, {guests} are brought in as they run" if guests else "all stay on the device"
        return f"{self.blocks} blocks: {stay}; about {gigabytes(self.peak)}"


class Device(NamedTuple):
    """Where it runs: a kind (cpu, cuda, mps), and the format of products."""

    kind: str
    dtype: torch.dtype

    @property
    def guests(self) -> int:
        """Blocks that are there at once beside those that stay: one that runs, and with CUDA one that comes meanwhile."""
        return 2 if self.kind == "cuda" else 1


def works(composition: Composition, guided: bool, fast: bool = False) -> list[Work]:
    """Of every canvas of a composition; where all that is made comes after, of a frame of its size."""
    found = [
        Work(
            VideoShape(canvas.frames, canvas.height, canvas.width),
            canvas.fps,
            len(canvas.cues),
            guided,
            fast,
            bool(canvas.ceilings.max() < 1),
        )
        for canvas in composition.canvases
    ]
    return found or [Work(VideoShape(1, composition.height, composition.width), composition.fps)]


def need(config: BundleConfig, work: Work, device: Device) -> Need:
    """From shapes alone; within 15 % of what is counted (see the tests)."""
    padded = config.padded(work.shape)
    transformer, tokens, size = config.transformer, config.grid(padded, work.fps).tokens, device.dtype.itemsize
    stored = config.stored("blocks.0.mlp.0.weight", 2, device.dtype)
    most = max(activation_bytes(transformer, one) for one in _passes(config, work, device, fuses(device.kind, stored)))
    solver = 4 * 8 * tokens * config.token_channels
    # Products in a shorter format than the weights' own copy a layer's weights for the time of one.
    cast = size * transformer.width * transformer.mlp_width if stored.itemsize > size else 0
    # What blocks added, in 16 bits: of the first, and of the others, for each half; and from where they began.
    passing = tokens * (2 if work.guided else 1) * transformer.width * (2 * 2 + 2 * 4) if work.fast else 0
    frames = 2 * 3 * work.shape.pixels if device.kind == "cpu" else 0  # what is given, and what is made
    latent = config.autoencoder.compression.latent(padded)
    band = band_rows(latent.height, latent.width)
    decoding = decoding_bytes(config.autoencoder, latent.height, latent.width, band, size, still=latent.frames == 1)
    # Pixels are rounded in fp32, as many frames at a time as a latent one stands for.
    decoding += 3 * 4 * padded.height * padded.width * min(latent.frames, config.autoencoder.compression.time)
    return Need(most + solver + cast + passing + frames, decoding + frames)


def _passes(config: BundleConfig, work: Work, device: Device, fused: bool) -> Iterator[Pass]:
    """Through the transformer, and through the expert for low levels, where there is one."""
    window, count = _windows(config, work)
    together = work.guided and 2 * count * window.pixels <= TOGETHER
    size, held = device.dtype.itemsize, short(device.kind, device.dtype)

    def told(tokens: int, halves: int) -> Pass:
        texts = [config.text_tokens] * (work.prompts + halves - 1)
        return Pass([tokens] * count * halves, texts, size, held, count * tokens, fused)

    yield told(window.pixels, 2 if together else 1)
    if config.boundary:
        yield told(config.late_tokens(window), 2 if together and config.defaults.late_guidance != 1 else 1)


def _windows(config: BundleConfig, work: Work) -> tuple[VideoShape, int]:
    """Tokens of a window, and how many are predicted together: the whole canvas, or some of its parts."""
    grid = config.grid(config.padded(work.shape), work.fps)
    whole = VideoShape(grid.frames, grid.height, grid.width)
    if not work.draft:
        return whole, 1
    most = extent(config, work.shape, work.fps, whole)
    windows = math.prod(number_of_stretches(length, limit) for length, limit in zip(whole, most, strict=True))
    return most, min(windows, max(1, TOGETHER // (2 if work.guided else 1) // most.pixels))


def estimate_memory(shape: VideoShape, fps: Fraction, config: BundleConfig) -> int:
    """Bytes that making it takes beyond the weights, on a device that multiplies in fp32."""
    return max(need(config, Work(shape, fps), Device("cpu", torch.float32)))


def place(config: BundleConfig, wanted: list[Work], device: Device, memory: int) -> Placement:
    """What lies where so that all of it fits in so many bytes. Raises UserError naming a smaller setting that would fit."""
    weights = weights_of(config, device.dtype)
    largest = max(wanted, key=lambda work: max(need(config, work, device)))
    needs = [need(config, work, device) for work in wanted]
    most = Need(max(one.denoising for one in needs), max(one.decoding for one in needs))
    if least(weights, most, device) > memory:
        raise UserError(f"--memory {gigabytes(memory)}: {_too_much(config, weights, largest, device, memory)}")
    free = (memory - _fixed(weights, device) - most.denoising) // weights.block
    whole = not _leave(weights, device) or weights.blocks <= free  # of two transformers one is there at a time
    resident = weights.blocks if whole else max(0, free - device.guests)
    return Placement(weights.blocks, resident, _peak(weights, most, device, resident, memory))


def least(weights: Weights, most: Need, device: Device) -> int:
    """The fewest bytes that will do: no block stays, where blocks can leave."""
    if not _leave(weights, device):
        return overhead(device.kind) + weights.all + max(*most, weights.reader)
    guests = min(device.guests, weights.blocks) * weights.block
    reading = weights.reader_part if device.kind == "cpu" else 0  # elsewhere it may read beside the device
    return _fixed(weights, device) + max(guests + most.denoising, most.decoding, reading)


def _fixed(weights: Weights, device: Device) -> int:
    """Bytes that are taken all along: weights that always stay, and what lies beside tensors."""
    kept = weights.rest // KEPT if device.kind == "cpu" and weights.mapped else 0
    return overhead(device.kind) + weights.rest + kept


def _leave(weights: Weights, device: Device) -> bool:
    """Whether blocks can leave the device: for the host's memory, or for their file."""
    return device.kind != "cpu" or weights.mapped


def smaller(config: BundleConfig, work: Work, fitting: Callable[[Work], bool]) -> list[str]:
    """The largest settings of which each alone makes it fit, as they are written on the command line."""

    def fits(shape: VideoShape) -> bool:
        return fitting(work._replace(shape=shape))

    sizes = (f"--size {shape.width}x{shape.height}" for shape in _smaller_sizes(config, work.shape) if fits(shape))
    lengths = (f"--frames {shape.frames}" for shape in _shorter(config, work.shape) if fits(shape))
    return [found for found in (next(sizes, None), next(lengths, None)) if found is not None]


def out_of_memory(config: BundleConfig, wanted: list[Work], device: Device, room: int | None) -> str:
    """What to say, and what to ask for instead, when memory ran out that was not bounded. `room`: bytes that there would be for
    weights and all else (None: nobody knows)."""
    weights = weights_of(config, device.dtype)

    def taken(work: Work) -> int:
        return overhead(device.kind) + weights.all + max(need(config, work, device))

    work = max(wanted, key=taken)
    limit = taken(work) - max(need(config, work, device)) // 4  # so much was too much, whatever the system says
    limit = limit if room is None else min(limit, room)
    ways = smaller(config, work, lambda less: taken(less) <= limit)
    fewest = least(weights, need(config, work, device), device)
    if _leave(weights, device) and fewest <= limit:
        ways.append(f"--memory {enough(fewest)}")
    if not ways:
        return "this takes more memory than there is; ask for a smaller --size, fewer --seconds or frames"
    return f"this takes more memory than there is: {work} about {gigabytes(taken(work))}; {' or '.join(ways)} may do"


def gigabytes(count: int) -> str:
    """In words: 7.4 GB, in units of 2^30; small amounts in MB."""
    return f"{count / 2**30:,.1f} GB" if count >= 2**30 else f"{max(1, math.ceil(count / 2**20))} MB"


def enough(count: int) -> str:
    """An amount for `--memory`, not below so many bytes."""
    return f"{math.ceil(count / 2**30 * 10) / 10:g}GB" if count >= 2**30 else f"{math.ceil(count / 2**20)}MB"


def _too_much(config: BundleConfig, weights: Weights, work: Work, device: Device, memory: int) -> str:
    fewest = least(weights, need(config, work, device), device)
    ways = smaller(config, work, lambda less: least(weights, need(config, less, device), device) <= memory)
    ways = [*ways, f"--memory {enough(fewest)}"]
    return f"{work} takes at least {gigabytes(fewest)} with {config.name}; {' or '.join(ways)} would do"


def _peak(weights: Weights, most: Need, device: Device, resident: int, memory: int) -> int:
    if not _leave(weights, device):
        return least(weights, most, device)
    blocks = min(weights.blocks, resident + device.guests) * weights.block
    reading = weights.reader if weights.reader_fits(memory - overhead(device.kind)) else 0
    reading = weights.reader_part if device.kind == "cpu" else reading
    return _fixed(weights, device) + max(blocks + most.denoising, most.decoding, reading)


def _smaller_sizes(config: BundleConfig, shape: VideoShape) -> Iterator[VideoShape]:
    """The same proportions, in whole tokens."""
    side = config.autoencoder.compression.space * config.patch
    for percent in range(95, 5, -5):
        height, width = (max(side, length * percent // 100 // side * side) for length in (shape.height, shape.width))
        yield shape._replace(height=height, width=width)


def _shorter(config: BundleConfig, shape: VideoShape) -> Iterator[VideoShape]:
    """Clips all the same: whoever wants one does not want an image."""
    time = config.autoencoder.compression.time
    for groups in range((shape.frames - 2) // time, 0, -1):
        yield shape._replace(frames=1 + groups * time)
