"""Casts: who may play in the sprites world.

Two dozen subjects are what two cores can teach. `all` is every emoji that is animated, in families: those that look alike or
mean the same (24 clocks, five laughing faces) bear one name, and whoever asks for it may get any of them.
"""

import csv
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

from worldreel.worlds.subjects import BY_NAME, SUBJECTS, Subject

CastName = Literal["two dozen", "all"]

TABLE = Path(__file__).with_name("families.tsv")
"""Code point, family, verb, and where its art faces, of every animated emoji; written by hand after looking at each."""


@dataclass(frozen=True)
class Cast:
    subjects: tuple[Subject, ...]

    @cached_property
    def families(self) -> tuple[tuple[Subject, ...], ...]:
        """Subjects of one name together, in the order in which names come first."""
        found: dict[str, list[Subject]] = {}
        for subject in self.subjects:
            found.setdefault(subject.name, []).append(subject)
        return tuple(tuple(family) for family in found.values())

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(family[0].name for family in self.families)


TAUGHT = Cast(SUBJECTS)
"""The cast of the bundled model."""


@cache
def cast(name: CastName) -> Cast:
    """A cast by its name. In `all`, the two dozen come first and are as they are in their own."""
    if name == "two dozen":
        return TAUGHT
    with TABLE.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    others = (Subject(row["name"], row["codepoint"], row["verb"], row["faces"] == "left") for row in rows)
    return Cast((*SUBJECTS, *(subject for subject in others if subject.name not in BY_NAME)))
