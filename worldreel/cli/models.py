"""`worldreel models`."""

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import tyro

from worldreel.cli.options import Json
from worldreel.cli.terminal import Terminal

if TYPE_CHECKING:
    from worldreel.models import BundleConfig

PHRASES = ("subjects", "verbs", "directions", "positions", "backgrounds")


@dataclass(frozen=True, kw_only=True)
class Models:
    """Lists the bundled models and what they know; with a NAME, that one and its defaults and limits too."""

    name: Annotated[
        str,
        tyro.conf.Positional,
        tyro.conf.arg(metavar="[NAME]", help="A bundled model or a folder.", help_behavior_hint="(optional)"),
    ] = ""
    json: Json = False

    def run(self, terminal: Terminal) -> Mapping[str, object]:
        from worldreel.models import bundled_names, load_config

        chosen = [self.name] if self.name else bundled_names()
        configs = {name: load_config(name) for name in chosen}
        if not configs:
            terminal.note("no model is bundled here; give a folder that holds one: worldreel models FOLDER")
        for name, config in configs.items():
            _show(terminal, name, config, full=bool(self.name))
        return {"models": [_answer(name, config) for name, config in configs.items()]}


def _answer(name: str, config: "BundleConfig") -> dict[str, object]:
    parts = config.model_dump(mode="json", include={"name", "knows", "defaults", "limits"})
    return {"load": name, **parts}


def _show(terminal: Terminal, name: str, config: "BundleConfig", full: bool) -> None:
    knows, defaults, limits = config.knows, config.defaults, config.limits
    rates = " to ".join(f"{rate:g}" for rate in dict.fromkeys(knows.fps))
    terminal.say(f"{name}: {knows.summary}")
    rows = [(key, ", ".join(getattr(knows, key))) for key in (PHRASES if full else ("subjects", "backgrounds"))]
    rows.append(("sizes", ", ".join(knows.sizes)))
    rows.append(("lengths", f"up to {knows.seconds[1]:g} s at {rates} fps; a single frame is an image"))
    if full:
        rows.append(("taught", ", ".join(knows.canvases)))
        rows.append(
            (
                "default",
                f"{defaults.width}x{defaults.height}, {defaults.seconds:g} s at {defaults.fps:g} fps, "
                f"{defaults.steps} steps, guidance {defaults.guidance:g}",
            )
        )
        rows.append(("at most", f"sides of {limits.side}, {limits.seconds:g} s, {limits.tokens:,} tokens"))
    rows.append(("limits", knows.limits))
    for key, text in rows:
        if text:
            terminal.say(fill(text, 110, initial_indent=f"  {key:<12}", subsequent_indent=" " * 14))
