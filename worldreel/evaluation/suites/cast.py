"""Cast: does the judge tell apart everybody who may play?"""

import json
from collections import Counter
from collections.abc import Iterator

from pydantic import Field

from worldreel.config import Config
from worldreel.evaluation.codecs import frame_codec
from worldreel.evaluation.judging import CANVAS, SEED, Asked, Codec, drawn, rates, score
from worldreel.evaluation.results import Result
from worldreel.evaluation.suites.options import Options
from worldreel.evaluation.suites.samples import row
from worldreel.models import load_model
from worldreel.worlds.casts import Cast, CastName
from worldreel.worlds.casts import cast as cast_of
from worldreel.worlds.judge import Judge
from worldreel.worlds.scenes import Scene, random_scene, with_subjects

GOAL = 0.97


class CastSettings(Config):
    cast: CastName = "all"
    names: tuple[str, ...] = ()
    """Of families, where not all of them are wanted."""
    looks: int = Field(default=1, ge=1)
    """Scenes of each family; its members take turns."""


def cast(name: str, options: Options) -> dict[str, Result]:
    """Every family of a cast alone in scenes whose truth is known, as rendered and as the model's codec gives them back. Who was
    taken for whom is written beside the result."""
    settings = CastSettings().changed(list(options.settings))
    players = cast_of(settings.cast).only(settings.names) if settings.names else cast_of(settings.cast)
    judge = Judge(players)
    ways: dict[str, Codec] = {"real": lambda frames: frames, "codec": frame_codec(load_model(name))}
    marks: dict[str, list[dict[str, bool]]] = {way: [] for way in ways}
    taken: dict[str, Counter[tuple[str, str]]] = {way: Counter() for way in ways}
    scenes = list(scenes_of(players, settings.looks))
    for done, scene in enumerate(scenes):
        options.watch("judging everybody", done, len(scenes))
        asked, frames = Asked.of(scene), drawn(scene, players)
        for way, through in ways.items():
            verdict = judge.see(through(frames))
            marks[way].append(score(verdict, asked))
            if not marks[way][-1]["subject"]:
                seen = verdict.refused or ", ".join(verdict.subjects) or "nobody"
                taken[way][asked.subject, seen] += 1
    if options.out is not None:
        lines = {way: [[*pair, count] for pair, count in found.most_common()] for way, found in taken.items()}
        (options.out / "mistaken.json").write_text(json.dumps(lines, indent=1) + "\n", encoding="utf-8")
    results = {
        f"{way}_{attribute}": row(rate, GOAL if attribute == "subject" else None)
        for way, scores in marks.items()
        for attribute, rate in rates(scores).items()
    }
    return {"families": Result(len(players.names), None, None, len(players.subjects)), **results}


def scenes_of(players: Cast, looks: int) -> Iterator[Scene]:
    """Each family's scenes, one round after the other."""
    for look in range(looks):
        for number, family in enumerate(players.families):
            scene = random_scene((SEED, 4, look, number), CANVAS, alone=1.0)
            yield with_subjects(scene, family[look % len(family)])
