"""From the times of frames in a file to one constant rate: a clip has a rate, whatever its file has."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import floor

from worldreel.media.clip import Frame


def constant_rate(count: int, ticks: int, tick: Fraction, hint: Fraction | None = None) -> Fraction:
    """The rate of `count` frames over `ticks` of `tick` seconds, which coarse formats round to 1/100 s or 1/1000 s.

    Of the rates within two ticks of the whole (either end may be rounded): the file's own hint, else a whole number, else
    24000/1001 and its kin, else the average; never above 1000, which only nonsense is.
    """
    if ticks <= 0:
        return min(hint or Fraction(1), Fraction(1000))
    average = min(count / (ticks * tick), Fraction(1000))
    low, high = count / ((ticks + 2) * tick), count / (max(ticks - 2, 1) * tick)
    if hint and low <= hint <= high and hint <= 1000:
        return hint
    for unit in (Fraction(1), Fraction(1000, 1001)):
        nearest = max(1, round(average / unit))
        if low <= nearest * unit <= high:
            return nearest * unit
    return average.limit_denominator(1001) or average


def held(timed: Iterable[tuple[Fraction, Frame]], rate: Fraction, count: int) -> Iterator[Frame]:
    """Exactly `count` frames at a constant rate: each is the one on show at the middle of its tick.

    `timed` are seconds from the clip's start and frames, in order of time. A clip whose frames come at even times passes
    unchanged, even if its file rounds them; one that varies keeps its length.
    """
    tick, shown = 0, None
    for seconds, frame in timed:
        while shown is not None and tick < count and (tick + Fraction(1, 2)) / rate < seconds:
            yield shown
            tick += 1
        shown = frame
    for _ in range(tick, count):
        if shown is not None:
            yield shown


def milliseconds(fps: Fraction) -> Iterator[int]:
    """How long each frame stays, in whole milliseconds that add up to the exact time without drift."""
    shown = 0
    for count in range(1, 2**62):
        until = floor(1000 * count / fps + Fraction(1, 2))
        yield until - shown
        shown = until
