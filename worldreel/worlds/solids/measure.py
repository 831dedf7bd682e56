"""How far the judge of solids can be trusted: measured on scenes that no training drew, as they are and degraded.

python -m worldreel.worlds.solids.measure --scenes 200
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F

from worldreel.worlds.render import to_frames
from worldreel.worlds.scenes import Canvas
from worldreel.worlds.solids.drawing import Mix, random_scene
from worldreel.worlds.solids.eye import degrade
from worldreel.worlds.solids.judge import Judge, Sighting, Verdict
from worldreel.worlds.solids.render import render
from worldreel.worlds.solids.scenes import Scene

SEED = 50_005
DEGRADED: dict[str, tuple[float, float]] = {"clean": (1.0, 0.0), "blurred": (0.5, 0.0), "noised": (1.0, 10.0), "both": (0.5, 6.0)}
"""Scale of the resolution and levels of noise; all but the first are blurred in time as well."""


def score(verdict: Verdict, scene: Scene) -> dict[str, bool]:
    """Which attributes are right. Shape, colour and direction are those of all solids, together; a clip that is refused has
    nothing right."""
    asked = [Sighting(solid.shape.name, solid.colour, solid.direction) for solid in scene.solids]
    right = {
        "count": verdict.count == len(asked),
        "colour": Counter(one.colour for one in verdict.solids) == Counter(one.colour for one in asked),
        "shape": _by_colour(verdict.solids, "shape") == _by_colour(asked, "shape"),
        "direction": _by_colour(verdict.solids, "direction") == _by_colour(asked, "direction"),
        "camera": verdict.camera == scene.camera.move,
        "floor": verdict.floor == scene.floor.name,
    }
    return {name: verdict.refused is None and value for name, value in right.items()} | {"accepted": verdict.refused is None}


def _by_colour(sightings: Iterable[Sighting], what: str) -> dict[str, object]:
    return {sighting.colour: getattr(sighting, what) for sighting in sightings}


def measure(judge: Judge, numbers: Iterable[int], canvas: Canvas, alone: float = 1.0) -> dict[str, dict[str, float]]:
    """The share that is right, by kind of degradation and attribute, over scenes of these numbers, half of them withheld."""
    marks = defaultdict[str, list[Mapping[str, bool]]](list)
    for number in numbers:
        scene = random_scene((SEED, number), canvas, withheld_pairs=number % 2 == 0, mix=Mix(alone=alone))
        frames = to_frames(render([scene])[0][0])
        for kind, (scale, noise) in DEGRADED.items():
            seen = frames if kind == "clean" else degrade(frames, scale, noise, number)
            marks[kind].append(score(judge.see(seen), scene))
    return {kind: {name: float(np.mean([mark[name] for mark in made])) for name in made[0]} for kind, made in marks.items()}


def measure_refusals(judge: Judge, numbers: Iterable[int], canvas: Canvas) -> dict[str, float]:
    """The share of clips that show no scene which is refused, by kind."""
    kinds = {"blank": blank, "noise": noise, "spliced": spliced, "vanishing": vanishing, "shuffled": shuffled}
    marks = defaultdict[str, list[bool]](list)
    for number in numbers:
        for kind, make in kinds.items():
            marks[kind].append(judge.see(make(number, canvas)).refused is not None)
    return {kind: float(np.mean(made)) for kind, made in marks.items()}


def blank(number: int, canvas: Canvas) -> np.ndarray:
    """A floor under a sky with nothing on it."""
    return _draw(replace(random_scene((SEED, number), canvas), solids=()))


def noise(number: int, canvas: Canvas) -> np.ndarray:
    """Noise in each pixel, or smooth noise of some size that drifts."""
    generator = torch.Generator().manual_seed(number)
    cells = (None, 32, 12, 4)[number % 4]
    shape = (canvas.frames, canvas.height, canvas.width)
    small = shape if cells is None else (max(2, canvas.frames // 6), cells, cells)
    return to_frames(F.interpolate(torch.rand(1, 3, *small, generator=generator), shape, mode="trilinear")[0] * 2 - 1)


def spliced(number: int, canvas: Canvas) -> np.ndarray:
    """Two scenes, one after the other."""
    scenes = [random_scene((SEED, number, half), canvas, mix=Mix(alone=1.0)) for half in (0, 1)]
    middle = canvas.frames // 2
    return np.concatenate([_draw(scenes[0])[:middle], _draw(scenes[1])[middle:]])


def vanishing(number: int, canvas: Canvas) -> np.ndarray:
    """A scene whose first solid is there for the first half only."""
    scene = random_scene((SEED, number), canvas, mix=Mix(alone=0.5))
    middle = canvas.frames // 2
    return np.concatenate([_draw(scene)[:middle], _draw(replace(scene, solids=scene.solids[1:]))[middle:]])


def shuffled(number: int, canvas: Canvas) -> np.ndarray:
    """A solid that goes to the left or to the right, its frames out of order."""
    tries = (random_scene((SEED, number, trial), canvas, mix=Mix(alone=1.0, rest=0.0)) for trial in range(1000))
    scene = next(scene for scene in tries if scene.solids[0].direction in ("left", "right"))
    return _draw(scene)[np.random.default_rng((SEED, number)).permutation(canvas.frames)]


def _draw(scene: Scene) -> np.ndarray:
    return to_frames(render([scene], rays=2)[0][0])


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures the judge of solids.")
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--frames", type=int, default=13)
    parser.add_argument("--alone", type=float, default=1.0, help="the share of scenes with one solid")
    parser.add_argument("--refusals", action="store_true", help="measure what it refuses instead")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    numbers = range(arguments.first, arguments.first + arguments.scenes)
    canvas = Canvas(arguments.side, arguments.side, arguments.frames)
    judge = Judge()
    if arguments.refusals:
        print(json.dumps({"n": arguments.scenes, "refused": measure_refusals(judge, numbers, canvas)}))
    else:
        print(json.dumps({"n": arguments.scenes} | measure(judge, numbers, canvas, arguments.alone), indent=1))


if __name__ == "__main__":
    main()
