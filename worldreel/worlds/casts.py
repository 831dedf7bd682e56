"""Casts: who may play in the sprites world.

Two dozen subjects are what two cores can teach. `all` is every emoji that is animated, in families: those that look alike or
mean the same (24 clocks, five laughing faces) bear one name, and whoever asks for it may get any of them.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

from worldreel.errors import UserError
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

    def only(self, names: Sequence[str]) -> "Cast":
        """Those of them who bear one of these names. Raises UserError for a name that nobody bears, and for fewer than three: a
        scene may show so many."""
        unknown = sorted(set(names) - set(self.names))
        if unknown or len(set(names)) < 3:
            what = f"nobody is called {unknown[0]!r}" if unknown else "a cast needs three names or more"
            raise UserError(f"{what}; the names are {', '.join(self.names)}")
        return Cast(tuple(subject for subject in self.subjects if subject.name in names))


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
