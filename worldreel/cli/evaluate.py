"""`worldreel evaluate`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, cast

import tyro

from worldreel.cli.options import Json, Settings
from worldreel.cli.terminal import Terminal


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Measures a model: each figure with its 95 % interval, how many clips it comes from, and its goal."""

    model: Annotated[
        str, tyro.conf.Positional, tyro.conf.arg(metavar="MODEL", help="A bundled model, or a folder that holds one.")
    ]
    suite: Annotated[
        str,
        tyro.conf.arg(metavar="NAME", help="What to measure: worlds, company, paraphrases, prompting, likeness, cast or codec."),
    ]
    out: Annotated[
        Path | None,
        tyro.conf.arg(metavar="FOLDER", help="Where pictures and result.json go.", help_behavior_hint="(default: nowhere)"),
    ] = None
    settings: Settings = field(default_factory=list)
    json: Json = False

    def run(self, terminal: Terminal) -> Mapping[str, object]:
        from worldreel.evaluation.suites import Options, evaluate

        with terminal.progress() as show:
            answer = evaluate(self.model, self.suite, Options(self.out, tuple(self.settings), show))
        results = cast(Mapping[str, Mapping[str, float | None]], answer["results"])
        width = max(map(len, results), default=0)
        for name, row in results.items():
            terminal.say(f"{name:<{width}}  {_row(row)}")
        return answer


def _row(row: Mapping[str, float | None]) -> str:
    parts = [f"{row['value']:.4g}"]
    if row.get("low") is not None:
        parts.append(f"({row['low']:.4g} to {row['high']:.4g})")
    parts.append(f"n {row['n']}")
    if row.get("goal") is not None:
        parts.append(f"goal {row['goal']:g}: {'met' if row['ok'] else 'missed'}")
    if row.get("peer") is not None:
        parts.append(f"peer {row['peer']:.4g}")
    return "  ".join(parts)
