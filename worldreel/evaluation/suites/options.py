"""What every suite is given beside a model's name."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """`out`: where pictures and the result are written (None: nowhere); `settings`: KEY=VALUE for the suite; `watch`: told
    what is done and how much of it."""

    out: Path | None = None
    settings: tuple[str, ...] = ()
    watch: Callable[[str, int, int], None] = field(default=lambda what, done, of: None)
