"""Decoding 33 frames of 192x128 by Wan 2.1's autoencoder at a base of 32 channels, beside diffusers with the same weights.

Run: python -m benchmarks.wan_decoding [--dtype bfloat16] [--repeats 7]. Ours has two columns too: as it is loaded on this device,
and with what lies between convolutions compiled (`--compiled`; on CUDA that is how it is loaded). Errors are against diffusers in
fp32.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks import beside, wan
from benchmarks.beside import OURS, PLAIN, TUNED
from worldreel.devices import describe

SHAPE = {"num_attention_heads": 1, "attention_head_dim": 24, "ffn_dim": 32, "num_layers": 1}
CODEC = {"base_dim": 32}
LATENTS = 1, 16, 9, 16, 24
GOALS = 2.0, 1.3


def main() -> None:
    parser = beside.parser(__doc__, repeats=7)
    parser.add_argument("--without-tuned", action="store_true", help="leave out what must be compiled first")
    parser.add_argument("--compiled", action="store_true", help="ours with what lies between convolutions compiled")
    asked = parser.parse_args()
    with TemporaryDirectory() as folder, torch.inference_mode():
        dtype = beside.TYPES[asked.dtype]
        results = measure(wan.write(Path(folder), SHAPE, CODEC), dtype, asked.repeats, asked.compiled, not asked.without_tuned)
    shape = {"video": "192x128, 33 frames", "dtype": asked.dtype, "ours compiled": asked.compiled}
    beside.report("wan-decoding", {"hardware": describe(torch.device("cpu")), **shape}, results, asked.json)


def measure(folder: Path, dtype: torch.dtype, repeats: int, quick: bool, compiling: bool) -> dict[str, beside.Row]:
    cpu = torch.device("cpu")
    model, theirs, exact = wan.ours(folder, cpu, dtype), wan.codec(folder, cpu, dtype), wan.codec(folder, cpu, torch.float32)
    if quick:
        model.autoencoder.quicken()
    latents = torch.randn(LATENTS)
    raw = model.autoencoder.raw(latents)

    def mine() -> torch.Tensor:
        return torch.cat(list(model.decode_latents(latents)), dim=2)

    def other(network: wan.AutoencoderKLWan, kind: torch.dtype = dtype, form: torch.memory_format = torch.contiguous_format):
        return network.decode(raw.to(kind, memory_format=form), return_dict=False)[0]

    columns = {OURS: mine, PLAIN: lambda: other(theirs)}
    if compiling:
        best = wan.tuned_codec(theirs, dtype)
        columns[TUNED] = lambda: other(best, dtype, torch.channels_last_3d)
    else:
        last = wan.tuned_codec(theirs, dtype, compiled=False)
        columns["channels last"] = lambda: other(last, dtype, torch.channels_last_3d)
    times = beside.in_turns(columns, repeats)
    results = beside.speed(times, GOALS)
    if "channels last" in times:
        results["times_channels_last"] = beside.ratio(times[OURS], times["channels last"], None)
    wanted = other(exact, torch.float32)
    errors = beside.error(mine().clamp(-1, 1), wanted), beside.error(other(theirs), wanted)
    return {**results, "error": beside.figure(*errors, 1e-5 if dtype == torch.float32 else None)}


if __name__ == "__main__":
    main()
