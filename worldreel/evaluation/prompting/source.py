"""What the studies of prompting begin with: withheld clips of the world, and how far their frames lie apart."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from worldreel.evaluation.codecs import frame_codec
from worldreel.evaluation.intervals import Rate
from worldreel.evaluation.judging import Asked, drawn, score
from worldreel.evaluation.results import Result
from worldreel.generation import Settings, carry_out, plan
from worldreel.media import Clip
from worldreel.models import Bundle
from worldreel.worlds.captions import short_caption
from worldreel.worlds.judge import Judge
from worldreel.worlds.scenes import Canvas, Scene, random_scene

SEED = 50_005
CANVAS = Canvas(128, 128, 25, Fraction(12))


@dataclass(frozen=True)
class Source:
    """A scene with a withheld pair, rendered. `seed`: its number, and the seed of what is made of it; `step`: the larger of the
    median difference between its frames and the codec's error on it, both as `difference` measures."""

    scene: Scene
    seed: int
    frames: np.ndarray
    step: float

    @property
    def caption(self) -> str:
        return short_caption(self.scene)

    @property
    def asked(self) -> Asked:
        return Asked.of(self.scene)

    @property
    def clip(self) -> Clip:
        return Clip.from_array(self.frames, self.scene.canvas.fps)


@dataclass
class Study:
    """Rows of figures, and clips [T, H, W, 3] to look at."""

    rows: dict[str, Result] = field(default_factory=dict)
    clips: list[np.ndarray] = field(default_factory=list)

    def show(self, frames: np.ndarray, most: int = 10) -> None:
        if len(self.clips) < most:
            self.clips.append(frames)

    def share(self, name: str, outcomes: Sequence[bool], goal: float | None = None, peers: Sequence[bool] | None = None) -> None:
        """A row for how often something holds."""
        rate = Rate.of(bool(outcome) for outcome in outcomes)
        ok = None if goal is None else rate.value >= goal
        peer = None if peers is None else Rate.of(peers).value
        self.rows[name] = Result(rate.value, rate.low, rate.high, rate.n, goal, ok, peer)

    def mean(self, name: str, values: Sequence[float], goal: float | None = None, peers: Sequence[float] | None = None) -> None:
        """A row for a mean; the goal is met from it upwards."""
        self.rows[name] = Result.mean([float(value) for value in values], goal, peers)


def sources(model: Bundle, count: int, *, moving: bool | None = None, canvas: Canvas = CANVAS) -> Iterator[Source]:
    """Withheld scenes of one actor; `moving`: only those that move, or only those that stand."""
    codec, number = frame_codec(model), 0
    while count:
        scene = random_scene((SEED, number), canvas, withheld_pairs=True, alone=1.0)
        number += 1
        if moving is None or moving == (scene.actors[0].direction is not None):
            yield _rendered(scene, number - 1, codec(drawn(scene)))
            count -= 1


def _rendered(scene: Scene, number: int, coded: np.ndarray) -> Source:
    frames = drawn(scene)
    moves = float(np.median(motion(frames))) if len(frames) > 1 else 0.0
    return Source(scene, number, frames, max(moves, difference(frames, coded)))


def make(model: Bundle, mode: str, *given: object, seed: int, **asked: object) -> np.ndarray:
    """Frames of a mode at the model's default settings."""
    return carry_out(model, plan(model.config, mode, *given, settings=Settings(seed=seed), **asked)).array()


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Root mean square over pixels of 0 to 255."""
    return float(np.sqrt(np.square(one.astype(np.float64) - other).mean()))


def motion(frames: np.ndarray) -> np.ndarray:
    """How far each frame lies from the one before it, [T - 1]."""
    return np.array([difference(one, two) for one, two in zip(frames[1:], frames[:-1], strict=True)])


def seen_right(judge: Judge, frames: np.ndarray, asked: Asked, attribute: str) -> bool:
    """Whether the judge sees one attribute as it was asked for."""
    return score(judge.see(frames), asked)[attribute]
