"""How long `worldreel --help` and `import worldreel` take, beside the bare interpreter in the same run.

Run: python benchmarks/startup.py [--runs 15]. Prints one JSON object in the form of `worldreel evaluate --json`.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

GOALS = {"help": 0.4, "import": 0.2}
"""Seconds."""
COMMANDS = {
    "bare": ("-c", "pass"),
    "help": ("-m", "worldreel", "--help"),
    "import": ("-c", "import worldreel"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    times = measure(parser.parse_args().runs)
    bare = statistics.median(times["bare"])
    results = {f"{name}_seconds": row(times[name], goal, bare) for name, goal in GOALS.items()}
    print(json.dumps({"suite": "startup", "model": None, "results": results}, indent=1))


def measure(runs: int) -> dict[str, list[float]]:
    """Wall clock of each command, in turns, so that what else the machine does falls on all of them alike."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(runs + 1):
        for name, words in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, check=True)
            if number:  # the first round fills the disk's cache
                times[name].append(time.perf_counter() - start)
    return times


def row(times: Sequence[float], goal: float, peer: float) -> dict[str, object]:
    """The median, and by order statistics an interval that holds the true one in about 95 of 100 runs."""
    ordered, spread = sorted(times), 0.98 * len(times) ** 0.5
    low = ordered[max(0, int(len(times) / 2 - spread))]
    high = ordered[min(len(times) - 1, int(len(times) / 2 + spread))]
    value = statistics.median(times)
    return {"value": value, "low": low, "high": high, "n": len(times), "goal": goal, "ok": value <= goal, "peer": peer}


if __name__ == "__main__":
    main()
