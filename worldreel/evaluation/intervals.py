"""Shares of successes with the uncertainty that their number leaves."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

Z = 1.959964
"""Standard deviations that hold 95 % of a normal distribution."""


@dataclass(frozen=True)
class Rate:
    """A share of `n` trials and its Wilson 95 % interval, all in [0, 1]."""

    value: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, outcomes: Iterable[bool]) -> "Rate":
        """Raises ValueError where there are no outcomes."""
        counted = list(outcomes)
        if not counted:
            raise ValueError("there is nothing to take the rate of")
        low, high = wilson(sum(counted), len(counted))
        return cls(sum(counted) / len(counted), low, high, len(counted))


def wilson(successes: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson 1927); unlike value ± error it holds also near 0 and 1."""
    share = successes / n
    scale = 1 + Z**2 / n
    middle = (share + Z**2 / (2 * n)) / scale
    half = Z / scale * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return max(0.0, middle - half), min(1.0, middle + half)
