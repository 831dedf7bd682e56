"""Programs beside each other: the same work done in turns, in one run, with how far the results are apart."""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

Work = Callable[[], Tensor]
Row = dict[str, object]
OURS, PLAIN, TUNED = "worldreel", "diffusers", "diffusers, tuned"
TYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


def parser(doc: str, repeats: int) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=doc.splitlines()[0])
    made.add_argument("--dtype", choices=TYPES, default="bfloat16", help="of products, for all columns")
    made.add_argument("--repeats", type=int, default=repeats)
    made.add_argument("--json", action="store_true")
    return made


def in_turns(columns: Mapping[str, Work], repeats: int) -> dict[str, list[float]]:
    """Seconds of each, in turns, so that what else the machine does falls on all of them alike. A first round is not counted:
    there kernels are chosen and compiled."""
    times: dict[str, list[float]] = {name: [] for name in columns}
    for number in range(repeats + 1):
        for name, work in columns.items():
            start = now()
            work()
            if number:
                times[name].append(now() - start)
    return times


def now() -> float:
    """Once the device has done all that it was told."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def ratio(ours: Sequence[float], theirs: Sequence[float], goal: float | None) -> Row:
    """How many times as long theirs take: the median over rounds, with an interval by order statistics. `seconds` and `peer`: the
    medians themselves."""
    ratios = sorted(other / mine for mine, other in zip(ours, theirs, strict=True))
    spread = 0.98 * len(ratios) ** 0.5
    value = statistics.median(ratios)
    return {
        "value": value,
        "low": ratios[max(0, int(len(ratios) / 2 - spread))],
        "high": ratios[min(len(ratios) - 1, int(len(ratios) / 2 + spread))],
        "n": len(ratios),
        "goal": goal,
        "ok": None if goal is None else value >= goal,
        "seconds": statistics.median(ours),
        "peer": statistics.median(theirs),
    }


def figure(value: float, peer: float | None, goal: float | None = None, *, unit: str | None = None) -> Row:
    """Something measured once; `goal`: the most it may be."""
    ok = None if goal is None else value <= goal
    return {"value": value, "low": None, "high": None, "n": 1, "goal": goal, "ok": ok, "peer": peer, "unit": unit}


def error(made: Tensor, wanted: Tensor) -> float:
    """Norm of the difference over norm."""
    made, wanted = (x.double().cpu().flatten() for x in (made, wanted))
    return float((made - wanted).norm() / wanted.norm())


def speed(times: Mapping[str, list[float]], goals: tuple[float | None, float | None], what: str = "") -> dict[str, Row]:
    """Ours against both columns."""
    columns = (("as_it_comes", PLAIN, goals[0]), ("tuned", TUNED, goals[1]))
    return {f"{what}times_{name}": ratio(times[OURS], times[peer], goal) for name, peer, goal in columns if peer in times}


def report(suite: str, about: Mapping[str, object], results: Mapping[str, Row], as_json: bool) -> None:
    """`about`: hardware, versions, shapes."""
    versions = {"torch": torch.__version__, "threads": torch.get_num_threads()}
    if as_json:
        print(json.dumps({"suite": suite, "model": None, "about": {**about, **versions}, "results": results}, indent=1))
        return
    print(", ".join(f"{key} {value}" for key, value in {**about, **versions}.items()))
    for name, row in results.items():
        parts = [f"{name:<28}{row['value']:.4g}"]
        if row.get("low") is not None:
            parts.append(f"({row['low']:.3g} to {row['high']:.3g}, n {row['n']})")
        if row.get("seconds") is not None:
            parts.append(f"{row['seconds']:.3f} s, peer {row['peer']:.3f} s")
        elif row.get("peer") is not None:
            parts.append(f"peer {row['peer']:.4g}")
        if row.get("unit"):
            parts.append(str(row["unit"]))
        if row.get("goal") is not None:
            parts.append(f"goal {row['goal']:g}: {'met' if row['ok'] else 'missed'}")
        print("  ".join(parts))
