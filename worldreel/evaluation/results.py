"""One measured figure: its value, a 95 % interval, how many it was measured on, the goal, and a trivial peer's figure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

RESAMPLES = 2000


@dataclass(frozen=True)
class Result:
    """`low`, `high`: a 95 % interval, None where there is none. `ok`: whether the goal is met, None where there is no goal.
    `peer`: what the named or trivial alternative reaches on the same inputs."""

    value: float
    low: float | None
    high: float | None
    n: int
    goal: float | None = None
    ok: bool | None = None
    peer: float | None = None

    @classmethod
    def mean(cls, values: Sequence[float], goal: float | None = None, peers: Sequence[float] | None = None) -> "Result":
        """The mean of one figure a clip; the goal is met from `goal` up. Raises ValueError where there are no clips."""
        if not values:
            raise ValueError("there is nothing to take the mean of")
        value = float(np.mean(values))
        low, high = bootstrap(values)
        ok = None if goal is None else value >= goal
        return cls(value, low, high, len(values), goal, ok, None if peers is None else float(np.mean(peers)))

    def to_json(self) -> dict[str, float | int | bool | None]:
        return asdict(self)


def bootstrap(values: Sequence[float]) -> tuple[float | None, float | None]:
    """A 95 % interval for the mean: percentiles over resampled clips (Efron 1979), by a fixed seed. None for one value."""
    if len(values) < 2:
        return None, None
    drawn = np.random.default_rng(0).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(np.asarray(values)[drawn].mean(1), (2.5, 97.5))
    return float(low), float(high)
