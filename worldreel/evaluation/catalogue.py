"""What went wrong in clips, by kind: a catalogue of failures."""

from collections.abc import Sequence

from worldreel.evaluation.intervals import Rate
from worldreel.evaluation.judging import Asked
from worldreel.worlds.judge import Fault, Verdict

KINDS = {
    "nothing": "no subject is seen, or none that was taught",
    "changes": "the subject turns into another",
    "leaps": "the subject jumps from one place to another",
    "from_nowhere": "there are more subjects than were asked for",
    "another_subject": "one subject, but not the one asked for",
    "frozen": "it was to move, and stands",
    "restless": "it was to stand, and moves",
    "opposite": "it moves the opposite way (left for right, up for down)",
    "astray": "it moves another wrong way",
    "other_side": "it is on the left for the right, or on the right for the left",
    "background_wrong": "the background has another colour",
    "background_upside_down": "a fade's colours are swapped",
    "background_uneven": "the background is no plain or fading one, or changes",
}
FAULTS: dict[Fault, str] = {
    "background": "background_uneven",
    "nothing": "nothing",
    "unknown": "nothing",
    "leap": "leaps",
    "change": "changes",
}
OPPOSITE = {"left": "right", "right": "left", "up": "down", "down": "up"}


def failures(verdict: Verdict, asked: Asked) -> set[str]:
    """The kinds of failure in a clip of one subject; none where all is right."""
    if verdict.fault is not None:
        return {FAULTS[verdict.fault]}
    found = set()
    if verdict.background != asked.background:
        swapped = verdict.background == asked.background[::-1]
        found.add("background_upside_down" if swapped else "background_wrong")
    if verdict.count > 1:
        return found | {"from_nowhere"}
    if verdict.subjects != (asked.subject,):
        found.add("another_subject")
    return found | _motion(verdict.directions[0], asked.direction) | _place(verdict.positions[0], asked.position)


def _motion(seen: str | None, asked: str | None) -> set[str]:
    if seen == asked:
        return set()
    if seen is None:
        return {"frozen"}
    if asked is None:
        return {"restless"}
    return {"opposite" if seen == OPPOSITE[asked] else "astray"}


def _place(seen: str | None, asked: str | None) -> set[str]:
    return {"other_side"} if asked is not None and seen == OPPOSITE.get(asked) else set()


def count_failures(clips: Sequence[tuple[Verdict, Asked]]) -> dict[str, Rate]:
    """The share of clips with each kind of failure."""
    found = [failures(verdict, asked) for verdict, asked in clips]
    return {kind: Rate.of(kind in failed for failed in found) for kind in KINDS}
