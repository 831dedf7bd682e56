"""Wan 2.1's 1.3B with random weights, 832x480, 81 frames, 50 steps, guidance 5: denoising and decoding, beside diffusers.

Run on a GPU: python -m benchmarks.wan_whole --device cuda. Columns: ours as it is loaded, ours with `--fast` (how many blocks it
passes over depends on the weights, and these are random), diffusers as it comes (bf16, its autoencoder in fp32, as its model card
says) and tuned (compiled by block, cuDNN attention, autoencoder in bf16, channels last, compiled). One after another, each alone
on the device; a short run before each is not counted. Weights, noise and texts are the same. On a CPU: `--rehearse`.
"""

import gc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from diffusers import WanPipeline
from torch import Tensor

from benchmarks import beside, wan
from benchmarks.beside import OURS, PLAIN, TUNED
from worldreel.devices import describe
from worldreel.generation import Settings, plan
from worldreel.generation.filling import denoised
from worldreel.models.lowering import lower
from worldreel.patches import from_tokens

FAST = "worldreel --fast"
GUIDANCE, SEED = 5.0, 1
GOALS = {"denoising": (1.7, 1.1), "decoding": (3.0, 1.5)}
MOST_SECONDS, FAST_GOAL = 55.0, 3.0
GB = 2**30


class Job(NamedTuple):
    """What is made, and of what shape the networks are."""

    transformer: dict[str, int]
    codec: dict[str, object]
    width: int
    height: int
    frames: int
    steps: int


LARGE = Job(
    {"num_attention_heads": 12, "attention_head_dim": 128, "ffn_dim": 8960, "num_layers": 30}, {"base_dim": 96}, 832, 480, 81, 50
)
SMALL = Job({"num_attention_heads": 2, "attention_head_dim": 24, "ffn_dim": 64, "num_layers": 3}, {"base_dim": 8}, 64, 48, 9, 4)


class Column(NamedTuple):
    """What one program made: seconds and bytes at most of each stage, and the latents [1, C, T, H, W]."""

    seconds: dict[str, list[float]]
    peak: int
    latents: Tensor


def main() -> None:
    parser = beside.parser(__doc__, repeats=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rehearse", action="store_true", help="a tiny model and clip, nothing compiled: does it run?")
    asked = parser.parse_args()
    job, device, dtype = SMALL if asked.rehearse else LARGE, torch.device(asked.device), beside.TYPES[asked.dtype]
    with TemporaryDirectory() as name, torch.inference_mode():
        folder = wan.write(Path(name), job.transformer, job.codec, dtype)
        results = measure(folder, job, device, dtype, asked.repeats, compiling=not asked.rehearse)
    about = {"hardware": describe(device), "model": "Wan 2.1 1.3B" if job is LARGE else "tiny", "dtype": asked.dtype}
    shape = {"video": f"{job.width}x{job.height}, {job.frames} frames", "steps": job.steps}
    beside.report("wan-whole", {**about, **shape}, results, asked.json)


def measure(
    folder: Path, job: Job, device: torch.device, dtype: torch.dtype, repeats: int, *, compiling: bool
) -> dict[str, beside.Row]:
    texts: list[Tensor] = []
    columns = {name: ours(folder, job, device, dtype, repeats, texts, fast=name == FAST) for name in (OURS, FAST)}
    for name in (PLAIN, TUNED):
        columns[name] = theirs(folder, job, device, dtype, repeats, texts, tuned=name == TUNED, compiling=compiling)
    results: dict[str, beside.Row] = {}
    for stage, goals in GOALS.items():
        times = {name: column.seconds[stage] for name, column in columns.items()}
        results |= beside.speed(times, goals, f"{stage}_")
    mine, fast = columns[OURS].seconds["denoising"], columns[FAST].seconds["denoising"]
    results["denoising_seconds"] = beside.figure(sum(mine) / len(mine), None, MOST_SECONDS, unit="s")
    results["fast_times_as_it_comes"] = beside.ratio(fast, columns[PLAIN].seconds["denoising"], FAST_GOAL)
    if device.type == "cuda":
        least = min(columns[PLAIN].peak, columns[TUNED].peak) / GB
        results["peak"] = beside.figure(columns[OURS].peak / GB, least, least, unit="GB")
    for name in (OURS, FAST, TUNED):
        results[f"error of {name}"] = beside.figure(beside.error(columns[name].latents, columns[PLAIN].latents), None)
    return results


def ours(
    folder: Path, job: Job, device: torch.device, dtype: torch.dtype, repeats: int, texts: list[Tensor], *, fast: bool
) -> Column:
    model = wan.ours(folder, device, dtype)
    texts[:] = model.read([wan.PROMPT, wan.NEGATIVE])
    settings = Settings(steps=job.steps, guidance=GUIDANCE, negative=wan.NEGATIVE, seed=SEED, fast=fast)
    size = f"{job.width}x{job.height}"
    settled = plan(model.config, "generate", wan.PROMPT, size=size, frames=job.frames, settings=settings)
    (canvas,) = settled.composition.canvases
    lowered = lower(model, canvas)
    (piece,) = lowered.pieces

    def denoise(steps: int) -> Tensor:
        generator, few = torch.Generator().manual_seed(SEED), replace(settled, steps=steps)
        tokens = denoised(model, canvas, lowered, few, generator, lambda progress: None)
        return from_tokens(tokens, piece.grid, 2)[None]

    def decode(latents: Tensor) -> None:
        for video in model.decode_latents(latents):
            _frames(video)

    return _timed(denoise, decode, job.steps, repeats)


def theirs(
    folder: Path,
    job: Job,
    device: torch.device,
    dtype: torch.dtype,
    repeats: int,
    texts: list[Tensor],
    *,
    tuned: bool,
    compiling: bool,
) -> Column:
    network, codec = wan.transformer(folder, device, dtype), wan.codec(folder, device, torch.float32)
    if tuned:
        network = wan.tuned(network) if compiling else network
        codec = wan.tuned_codec(codec, dtype, compiled=compiling)
    pipe = WanPipeline.from_pretrained(folder, transformer=network, vae=codec, text_encoder=None, tokenizer=None)
    pipe.set_progress_bar_config(disable=True)
    noise = _noise(folder, job, device)
    form = torch.channels_last_3d if tuned else torch.contiguous_format

    def denoise(steps: int) -> Tensor:
        return pipe(
            prompt_embeds=texts[0][None],
            negative_prompt_embeds=texts[1][None],
            width=job.width,
            height=job.height,
            num_frames=job.frames,
            num_inference_steps=steps,
            guidance_scale=GUIDANCE,
            latents=noise,
            output_type="latent",
        ).frames

    statistics = codec.config.latents_mean, codec.config.latents_std
    mean, deviation = (torch.tensor(numbers, device=device)[:, None, None, None] for numbers in statistics)

    def decode(latents: Tensor) -> None:
        raw = (latents * deviation + mean).to(codec.dtype, memory_format=form)
        _frames(codec.decode(raw, return_dict=False)[0])

    return _timed(denoise, decode, job.steps, repeats)


def _noise(folder: Path, job: Job, device: torch.device) -> Tensor:
    """What ours draws from the same seed."""
    from worldreel.models import load_config
    from worldreel.shapes import VideoShape

    config = load_config(str(folder))
    grid = config.grid(VideoShape(job.frames, job.height, job.width), 16)
    noise = torch.randn(grid.tokens, config.token_channels, generator=torch.Generator().manual_seed(SEED))
    return from_tokens(noise, grid, 2)[None].to(device)


def _frames(video: Tensor) -> Tensor:
    """As bytes in host memory, where a file would be written from."""
    return video.float().clamp(-1, 1).add(1).mul(127.5).round().byte().cpu()


def _timed(denoise: Callable[[int], Tensor], decode: Callable[[Tensor], None], steps: int, repeats: int) -> Column:
    _forget()
    latents = denoise(min(steps, 4))
    decode(latents)
    times: dict[str, list[float]] = {"denoising": [], "decoding": []}
    for _ in range(repeats):
        start = beside.now()
        latents = denoise(steps)
        middle = beside.now()
        decode(latents)
        times["denoising"].append(middle - start)
        times["decoding"].append(beside.now() - middle)
    peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    return Column(times, peak, latents.float().cpu())


def _forget() -> None:
    """What columns before this one have left."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


if __name__ == "__main__":
    main()
