"""What share of a device's matmul rate a training step of the transformer reaches, and what holds it back.

Run: python -m benchmarks.roofline [--recipe tiny-transformer] [--set KEY=VALUE ...] [--steps 20] [--json]. Work is counted, not
estimated: products and attention by torch's own counter, and the bytes that every operation reads and writes, as it comes
(compiled kernels move fewer). The roofline (Williams et al. 2009) is what those bytes would allow at the device's bandwidth.
"""

import argparse
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.beside import Row, figure, now, report
from worldreel.devices import compute_dtype, describe, pick_device
from worldreel.recipes import RECIPES
from worldreel.training.filling import Filling

LEAST_SHARE = 0.25
PARTS = ("scenes", "forward", "backward", "optimizer")


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    made.add_argument("--recipe", choices=[name for name in RECIPES if name.endswith("transformer")], default="tiny-transformer")
    made.add_argument("--set", dest="changes", action="append", default=[], metavar="KEY=VALUE", help="of the recipe")
    made.add_argument("--steps", type=int, default=20)
    made.add_argument("--json", action="store_true")
    asked = made.parse_args()
    device = pick_device()
    run = RECIPES[asked.recipe]().changed(asked.changes)
    task = run.make_task(device)
    about = {"hardware": describe(device), "recipe": asked.recipe, "changes": " ".join(asked.changes)}
    report("roofline", about, measure(task, device, asked.steps), asked.json)


def measure(task: Filling, device: torch.device, steps: int) -> dict[str, Row]:
    optimizers = task.optimizers()
    rate, bandwidth = matmul_rate(device), copy_rate(device)
    draw_scenes(task, 0)
    work, moved = counted(task)
    times = [step(task, optimizers, number) for number in range(1, 2 + len(task.menus) + steps)][-steps:]
    parts = {name: median(one[name] for one in times) for name in PARTS}
    seconds = median(sum(one.values()) for one in times)
    share = work / seconds / rate
    return {
        "matmul_rate": figure(rate / 1e12, None, unit="TFLOP/s"),
        "bandwidth": figure(bandwidth / 1e9, None, unit="GB/s"),
        "work_of_a_step": figure(work / 1e9, None, unit="GFLOP"),
        "moved_by_a_step": figure(moved / 1e9, None, unit="GB, as it comes"),
        "step": figure(seconds, None, unit="s"),
        "share_of_matmul_rate": {**figure(share, None), "goal": LEAST_SHARE, "ok": share >= LEAST_SHARE},
        "share_by_roofline": figure(min(1.0, work / moved * bandwidth / rate), None),
        **{f"time_{name}": figure(part / seconds, None) for name, part in parts.items()},
    }


def step(task: Filling, optimizers: list[torch.optim.Optimizer], number: int) -> dict[str, float]:
    """Seconds of each part."""
    marks = [now()]
    draw_scenes(task, number)
    marks.append(now())
    loss = task.loss(number).total
    marks.append(now())
    loss.backward()
    torch.nn.utils.clip_grad_norm_(task.network.parameters(), 1.0)
    marks.append(now())
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()
    marks.append(now())
    return {name: stop - start for name, start, stop in zip(PARTS, marks, marks[1:], strict=False)}


def draw_scenes(task: Filling, number: int) -> None:
    """Those that belong to a step, which it would else draw itself."""
    for pool in filter(None, (task.pool, task.drill)):
        pool.refresh(number)


def counted(task: Filling) -> tuple[float, float]:
    """Floating-point operations and bytes of a step, forwards and backwards, in the mean over as many as there are packs."""
    compiled, task.model.transformer.compiled = task.model.transformer.compiled, False  # kernels hide what is in them
    work, moved = [], []
    for number in range(1, 1 + len(task.menus)):
        draw_scenes(task, number)
        with FlopCounterMode(display=False) as flops, Moved() as bytes_:
            task.loss(number).total.backward()
        task.network.zero_grad()
        work.append(flops.get_total_flops())
        moved.append(bytes_.total)
    task.model.transformer.compiled = compiled
    return sum(work) / len(work), sum(moved) / len(moved)


class Moved(TorchDispatchMode):
    """Adds up what operations read and write. Views move nothing."""

    total = 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [one for one in tree_leaves((args, kwargs, out)) if isinstance(one, Tensor)]
            self.total += sum(one.numel() * one.element_size() for one in tensors)
        return out


def matmul_rate(device: torch.device) -> float:
    """FLOP/s of a large square product in the type that networks compute in."""
    side = 8192 if device.type == "cuda" else 2048
    one = torch.randn(side, side, device=device).to(compute_dtype(device))
    return 2 * side**3 / fastest(lambda: one @ one)


def copy_rate(device: torch.device) -> float:
    """Bytes a second, read and written."""
    one = torch.empty(2**28 if device.type == "cuda" else 2**26, device=device)
    other = torch.zeros_like(one)
    return 2 * one.numel() * one.element_size() / fastest(lambda: one.copy_(other))


def fastest(work: Callable[[], object], repeats: int = 10) -> float:
    """Seconds."""
    times = []
    for _ in range(repeats):
        start = now()
        work()
        times.append(now() - start)
    return min(times)


if __name__ == "__main__":
    main()
