"""Captions of scenes: a short one, as a user types it, and a long descriptive one, as a captioner writes it."""

import numpy as np

from worldreel.worlds.backdrops import PLACES as WHERE
from worldreel.worlds.scenes import Actor, Background, Deed, Scene, Style
from worldreel.worlds.subjects import article

PLACES = {"left": "on the left", "right": "on the right", "middle": "in the middle"}
DEED_WORDS: dict[Deed, tuple[str, ...]] = {
    "grows": ("grows", "becomes larger", "gets bigger"),
    "shrinks": ("shrinks", "becomes smaller", "gets smaller"),
    "turns": ("turns around", "spins", "rotates"),
    "enters": ("comes in, moving", "enters the picture, moving", "appears from the edge, moving"),
    "leaves": ("goes out, moving", "leaves the picture, moving", "disappears over the edge, moving"),
}
STYLE_WORDS: dict[Style, tuple[str, ...]] = {
    "mosaic": ("as a mosaic", "in large pixels", "made of square blocks"),
    "grey": ("in black and white", "in monochrome", "without colors"),
    "sepia": ("in sepia", "in sepia tones", "like an old photograph"),
    "outline": ("as a line drawing", "as an outline", "drawn in thin lines"),
}
CLOSE_WORDS = ("close up", "in close-up", "seen from near")


def short_caption(scene: Scene, rng: np.random.Generator | None = None) -> str:
    """One line. Without `rng` the plainest wording, always the same."""
    actors = [_short_actor(actor, scene, rng) for actor in scene.actors]
    return f"{_listed(actors)} {_where(scene, rng)}"


def long_caption(scene: Scene, rng: np.random.Generator | None = None) -> str:
    """Two to four sentences: kind, subjects with their size, what they do and where, background."""
    rng = rng or np.random.default_rng(0)
    still = scene.canvas.frames == 1
    kind = _pick(rng, ["A picture", "An image", "A still"] if still else ["A video", "An animation", "A short clip"])
    names = [actor.subject.phrase for actor in scene.actors]
    sentences = [f"{kind} of {_listed(names)} {_where(scene, rng)}."]
    for actor in scene.actors:
        size = "large" if actor.size > 0.43 else "small" if actor.size < 0.29 else "medium-sized"
        sentences.append(f"The {size} {actor.subject.name} {_deed(actor, scene, rng, long=True)}.")
    return " ".join(sentences)


def terse_caption(scene: Scene, rng: np.random.Generator) -> str:
    """A line that leaves out what they do, what is behind them, or both, as people do who do not mind."""
    names = [actor.subject.phrase for actor in scene.actors]
    actors = names if rng.random() < 0.7 else [_short_actor(actor, scene, rng) for actor in scene.actors]
    words = _listed(actors)
    return words if actors != names or rng.random() < 0.3 else f"{words} {_where(scene, rng)}"


def change_caption(first: str, second: str, rng: np.random.Generator | None = None) -> str:
    """That what one caption says turns into what another says."""
    link = _pick(rng, [", then ", ", and then ", ", which turns into ", "; after that, "])
    return first.removesuffix(".") + link + second[:1].lower() + second[1:]


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def _short_actor(actor: Actor, scene: Scene, rng: np.random.Generator | None) -> str:
    deed = _deed(actor, scene, rng, long=False)
    return f"{actor.subject.phrase} {deed}" if deed else actor.subject.phrase


def _deed(actor: Actor, scene: Scene, rng: np.random.Generator | None, *, long: bool) -> str:
    place = PLACES.get(actor.position or "", "")
    if actor.deed and scene.canvas.frames > 1:
        return f"{_pick(rng, list(DEED_WORDS[actor.deed]))} {_way(actor.direction, rng) if actor.direction else place}".strip()
    if actor.direction and scene.canvas.frames > 1:
        verb = _pick(rng, [actor.subject.verb, "moves"])
        way = _way(actor.direction, rng)
        if long:
            seconds = scene.canvas.frames / float(scene.canvas.fps)
            fraction = float(np.abs(np.subtract(actor.end, actor.start)).max())
            speed = "slowly" if fraction / seconds < 0.15 else "quickly" if fraction / seconds > 0.35 else "steadily"
            return " ".join(filter(None, [verb, speed, way, place]))
        return f"{verb} {way} {place}".strip()
    if long:
        return f"{_pick(rng, ['stands still', 'stays', 'is'])} {place}".strip()
    if scene.canvas.frames == 1:
        return place
    return f"{_pick(rng, ['stands', 'stays'])} {place}".strip()


def _way(direction: str, rng: np.random.Generator | None) -> str:
    if direction in ("left", "right"):
        return _pick(rng, [f"to the {direction}", direction])
    return _pick(rng, [direction, f"{direction}ward"])


def _where(scene: Scene, rng: np.random.Generator | None) -> str:
    """Before or on what it all is, from how near, and in which style."""
    background = scene.background
    where = WHERE[background.names[0]] if background.picture is not None else f"on {_background(background, rng)}"
    if scene.close:
        where = f"{where}, {_pick(rng, list(CLOSE_WORDS))}"
    return where if scene.style is None else f"{where}, {_pick(rng, list(STYLE_WORDS[scene.style]))}"


def _background(background: Background, rng: np.random.Generator | None) -> str:
    if len(background.names) == 1:
        colour = background.names[0]
        a = article(colour)
        return _pick(rng, [f"{a} {colour} background", f"a plain {colour} background", f"{a} {colour} backdrop"])
    top, bottom = background.names
    return _pick(rng, [f"a background fading from {top} to {bottom}", f"a background that is {top} above and {bottom} below"])


def _pick(rng: np.random.Generator | None, wordings: list[str]) -> str:
    """The first wording is the plainest, and the most common: half of all."""
    if rng is None or rng.random() < 0.5:
        return wordings[0]
    return wordings[int(rng.integers(len(wordings)))]
