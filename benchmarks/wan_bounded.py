"""A bounded generation on a CPU with weights in the shape of Wan 2.2 TI2V 5B: what was planned, and what the process took.

Run: python -m benchmarks.wan_bounded FOLDER [--memory 8GB 12GB] [--size 256x160] [--frames 5] [--steps 2] [--group GROUP].
FOLDER gets random weights, 12 GB, unless it holds them; their text encoder is small. Each figure is of a process of its own: the
peak that Linux says, imports and pages of mapped files among it. --group names a memory control group that the caller may write
into: each process then runs in it, and Linux lets it have no more than it was told to take, cached pages of files included.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.beside import Row, figure, parser, report

SHAPE = {
    "num_attention_heads": 24,
    "attention_head_dim": 128,
    "ffn_dim": 14336,
    "num_layers": 30,
    "in_channels": 48,
    "out_channels": 48,
}
CODEC = {
    "base_dim": 160,
    "decoder_base_dim": 256,
    "z_dim": 48,
    "is_residual": True,
    "in_channels": 12,
    "out_channels": 12,
    "patch_size": 2,
    "scale_factor_spatial": 16,
    "latents_mean": [0.0] * 48,
    "latents_std": [1.0] * 48,
}
NEAR = 0.15
"""By how much, as a share, a plan may differ from what is taken."""
GB = 2**30


def main() -> None:
    made = parser(__doc__, repeats=1)
    made.add_argument("folder", type=Path)
    made.add_argument("--memory", nargs="+", default=["8GB", "12GB"])
    made.add_argument("--size", default="256x160")
    made.add_argument("--frames", type=int, default=5)
    made.add_argument("--steps", type=int, default=2)
    made.add_argument("--group", type=Path, help="such as /sys/fs/cgroup/capped")
    made.add_argument("--child", choices=["write", "make"], help=argparse.SUPPRESS)
    asked = made.parse_args()
    if asked.child == "write":
        import torch

        from benchmarks import wan

        wan.write(asked.folder, SHAPE, CODEC, torch.bfloat16, expand_timesteps=True)
    elif asked.child == "make":
        print(json.dumps(make(asked)))
    else:
        if not asked.folder.exists():
            subprocess.run([*command(asked), "--child", "write"], check=True)
        results = dict(pair for memory in asked.memory for pair in measured(asked, memory))
        report("wan-bounded", {"size": asked.size, "frames": asked.frames, "steps": asked.steps}, results, asked.json)


def command(asked: argparse.Namespace) -> list[str]:
    told = [str(asked.folder), "--size", asked.size, "--frames", str(asked.frames), "--steps", str(asked.steps)]
    group = ["--group", str(asked.group)] if asked.group else []
    return [sys.executable, "-m", "benchmarks.wan_bounded", *told, *group]


def measured(asked: argparse.Namespace, memory: str) -> list[tuple[str, Row]]:
    words = [*command(asked), "--memory", memory, "--child", "make"]
    ended = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    told = json.loads(ended.stdout.splitlines()[-1])
    from worldreel.devices import parse_memory

    return [
        (f"{memory}_taken", figure(told["taken"] / GB, told["planned"] / GB, parse_memory(memory) / GB, unit="GB")),
        (f"{memory}_plan_off_by", figure(abs(told["planned"] / told["taken"] - 1), None, NEAR)),
        (f"{memory}_seconds", figure(told["seconds"], None)),
        (f"{memory}_blocks_that_stay", figure(told["resident"], told["blocks"])),
    ]


def make(asked: argparse.Namespace) -> dict[str, float]:
    import torch
    import transformers  # noqa: F401 (its memory is that of an import)

    import worldreel
    from benchmarks.wan import PROMPT
    from benchmarks.wan_memory import status
    from worldreel.devices import parse_memory
    from worldreel.generation import Device, Settings, placement, plan

    if asked.group:
        cap(asked.group, parse_memory(asked.memory[0]), asked.folder)
    settings = Settings(steps=asked.steps, seed=1)
    start = time.perf_counter()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    model = worldreel.load(str(asked.folder), "cpu", asked.memory[0]).model
    settled = plan(model.config, "generate", PROMPT, size=asked.size, frames=asked.frames, settings=settings)
    placed = placement(model.config, settled, Device("cpu", model.dtype), model.memory)
    with torch.inference_mode():
        worldreel.generation.carry_out(model, settled).array()
    seconds = time.perf_counter() - start
    return {
        "taken": status("VmHWM"),
        "planned": placed.peak,
        "seconds": seconds,
        "resident": placed.resident,
        "blocks": placed.blocks,
    }


def cap(group: Path, memory: int, folder: Path) -> None:
    """Puts this process into a control group of so many bytes. Pages of the folder's files that others read before are dropped
    first: they would be charged to nobody here."""
    for path in folder.rglob("*.safetensors"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    second = group / "memory.max"
    (second if second.exists() else group / "memory.limit_in_bytes").write_text(str(memory))
    (group / "cgroup.procs").write_text(str(os.getpid()))


if __name__ == "__main__":
    main()
