"""Memory that decoding takes above the imports, its output streamed to disk, beside diffusers with the same weights.

Run: python -m benchmarks.wan_memory [--dtype bfloat16] [--frames 17 129 257] [--sizes 512x512 768x768] [--peer 129]. Each figure
is of a process of its own: the peak that Linux says, less what is resident once everything is imported; weights are in it.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.beside import TYPES, Row, figure, parser, report

CODEC = {"base_dim": 32}
SHAPE = {"num_attention_heads": 1, "attention_head_dim": 24, "ffn_dim": 32, "num_layers": 1}
SIZE, PEER = (192, 128), 129
MOST_GROWTH, MOST_OF_PEER = 0.05, 0.5
MB = 2**20


def main() -> None:
    made = parser(__doc__, repeats=1)
    made.add_argument("--frames", type=int, nargs="+", default=[17, 129, 257])
    made.add_argument("--sizes", nargs="*", default=[], help="at 5 frames, decoded in bands")
    made.add_argument("--peer", type=int, default=PEER, help="frames that diffusers decodes; 0: none")
    made.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    made.add_argument("--child", nargs=4, metavar=("WHO", "FRAMES", "WIDTH", "HEIGHT"), help=argparse.SUPPRESS)
    asked = made.parse_args()
    if asked.child:
        who, *shape = asked.child
        print(json.dumps(decode(who, asked.folder, asked.dtype, *map(int, shape))))
        return
    with TemporaryDirectory() as name:
        from benchmarks import wan

        folder = wan.write(Path(name), SHAPE, CODEC)
        results = measure(folder, asked)
    report("wan-memory", {"dtype": asked.dtype, "base": CODEC["base_dim"]}, results, asked.json)


def measure(folder: Path, asked: argparse.Namespace) -> dict[str, Row]:
    ours = {frames: run(folder, asked.dtype, "ours", frames, *SIZE) for frames in asked.frames}
    theirs = {asked.peer: run(folder, asked.dtype, "diffusers", asked.peer, *SIZE)} if asked.peer else {}
    rows = {f"{frames}_frames": figure(peak / MB, _megabytes(theirs.get(frames)), unit="MB") for frames, peak in ours.items()}
    rows["growth"] = figure(max(ours.values()) / min(ours.values()) - 1, None, MOST_GROWTH)
    for frames, peak in theirs.items():
        if frames in ours:
            rows["part_of_peer"] = figure(ours[frames] / peak, 1.0, MOST_OF_PEER)
    for size in asked.sizes:
        width, height = map(int, size.split("x"))
        rows[f"{size}_in_bands"] = figure(run(folder, asked.dtype, "ours", 5, width, height) / MB, None, unit="MB")
    return rows


def _megabytes(count: int | None) -> float | None:
    return None if count is None else count / MB


def run(folder: Path, dtype: str, who: str, frames: int, width: int, height: int) -> int:
    shape = [who, str(frames), str(width), str(height)]
    words = [sys.executable, "-m", "benchmarks.wan_memory", "--dtype", dtype, "--folder", str(folder), "--child", *shape]
    ended = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return int(json.loads(ended.stdout))


def decode(who: str, folder: Path, dtype: str, frames: int, width: int, height: int) -> int:
    """Bytes."""
    import torch

    from benchmarks import wan

    cpu, kind = torch.device("cpu"), TYPES[dtype]
    latents = torch.randn(1, 16, (frames - 1) // 4 + 1, height // 8, width // 8)
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    with torch.inference_mode(), (folder / f"{who}.rgb").open("wb") as out:
        if who == "ours":
            for piece in wan.ours(folder, cpu, kind).decode_latents(latents):
                _write(piece, out)
        else:
            theirs = wan.codec(folder, cpu, kind)
            for frame in theirs.decode(latents.to(kind), return_dict=False)[0].split(1, dim=2):
                _write(frame, out)
    return status("VmHWM") - before


def _write(video, out) -> None:
    pixels = video[0].float().clamp(-1, 1).add(1).mul(127.5).round().byte()
    out.write(pixels.permute(1, 2, 3, 0).contiguous().numpy().tobytes())


def status(name: str) -> int:
    """Bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


if __name__ == "__main__":
    main()
