"""How long a clip takes where another program keeps a core busy: threads that spin while they wait, and threads that soon sleep.

Run: python -m benchmarks.neighbour [--repeats 3] [--json]. Each clip is a process of its own; the other program
multiplies matrices without end, in one thread.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import torch

from benchmarks.beside import Row, figure, report
from worldreel.devices import describe

BUSY = "import torch\ntorch.set_num_threads(1)\none = torch.randn(512, 512)\nwhile True:\n    one @ one"
POLICIES = {"spinning": "300000", "sleeping": "3000"}
"""Turns of waiting before a thread sleeps: what libgomp takes by itself, and what `worldreel` sets."""
LONGEST = 300


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    made.add_argument("--repeats", type=int, default=3)
    made.add_argument("--json", action="store_true")
    asked = made.parse_args()
    rows: dict[str, Row] = {}
    for beside in ("alone", "beside"):
        times = measured(asked.repeats, busy=beside == "beside")
        for name, seconds in times.items():
            rows[f"{beside}_{name}"] = figure(seconds, times["spinning"], unit="s")
    report("neighbour", {"hardware": describe(torch.device("cpu"))}, rows, asked.json)


def measured(repeats: int, *, busy: bool) -> dict[str, float]:
    """Medians of seconds by policy, taken in turns."""
    other = subprocess.Popen([sys.executable, "-c", BUSY]) if busy else None
    try:
        taken = {name: list[float]() for name in POLICIES}
        for _ in range(repeats):
            for name, policy in POLICIES.items():
                taken[name].append(clip(policy))
    finally:
        if other is not None:
            other.kill()
            other.wait()
    return {name: median(seconds) for name, seconds in taken.items()}


def clip(policy: str) -> float:
    """Seconds that a clip took to make, without the start of Python; at most `LONGEST`."""
    with tempfile.TemporaryDirectory() as folder:
        line = [sys.executable, "-m", "worldreel", "generate", "a dog walks left on a blue background", "--seed", "1"]
        line += ["--out", str(Path(folder) / "clip.mp4")]
        try:
            done = subprocess.run(
                line, env={**os.environ, "GOMP_SPINCOUNT": policy}, capture_output=True, text=True, timeout=LONGEST, check=True
            )
        except subprocess.TimeoutExpired:
            return float(LONGEST)
    found = re.search(r"took ([\d.]+) s", done.stdout + done.stderr)
    assert found is not None, done.stdout
    return float(found[1])


if __name__ == "__main__":
    main()
