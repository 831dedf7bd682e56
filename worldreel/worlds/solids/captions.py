"""Captions of solids: a short one, as a user types it, and a long descriptive one, as a captioner writes it."""

from collections.abc import Sequence

import numpy as np

from worldreel.worlds.solids.scenes import Scene, Solid

WAYS: dict[str, tuple[str, ...]] = {
    "left": ("to the left", "left", "leftwards", "from right to left"),
    "right": ("to the right", "right", "rightwards", "from left to right"),
    "towards": ("towards the camera", "toward the camera", "towards us", "closer"),
    "away": ("away from the camera", "away", "into the distance", "away from us"),
}
CAMERA: dict[str, tuple[str, ...]] = {
    "still": ("the camera is still", "the camera does not move", "static camera", "fixed camera"),
    "orbit left": ("the camera orbits to the left", "camera orbiting left", "the camera circles to the left"),
    "orbit right": ("the camera orbits to the right", "camera orbiting right", "the camera circles to the right"),
    "pan left": ("the camera pans to the left", "camera pans left", "the camera turns left"),
    "pan right": ("the camera pans to the right", "camera pans right", "the camera turns right"),
    "dolly in": ("the camera moves in", "dolly in", "the camera moves forward", "the camera comes closer"),
    "dolly out": ("the camera moves back", "dolly out", "the camera moves backward", "the camera pulls back"),
}
SKY: dict[str, tuple[str, ...]] = {
    "blue": ("under a blue sky", "beneath a clear blue sky"),
    "cloudy": ("under a cloudy sky", "under a gray sky"),
    "evening": ("under an evening sky", "at dusk, under a warm sky"),
    "night": ("under a night sky", "at night, under a dark sky"),
}


def short_caption(scene: Scene, rng: np.random.Generator | None = None) -> str:
    """One line. Without `rng` the plainest wording, always the same, which says nothing of sizes and of a still camera."""
    sized = rng is not None and rng.random() < 0.5
    names = [_name(solid, rng, sized=sized) for solid in scene.solids]
    said = f"{_happens(scene, names, rng)} on {_floor(scene, rng)}"
    if scene.camera.move != "still" or (rng is not None and scene.canvas.frames > 1 and rng.random() < 0.25):
        said += f", {_pick(rng, CAMERA[scene.camera.move])}"
    return said


def long_caption(scene: Scene, rng: np.random.Generator | None = None) -> str:
    """Three or four sentences: kind, solids with their sizes, floor and sky; what happens; what the camera does."""
    rng = rng or np.random.default_rng(0)
    still = scene.canvas.frames == 1
    kind = _pick(rng, ("A picture", "An image", "A rendering") if still else ("A video", "An animation", "A 3D animation"))
    names = [_name(solid, rng, sized=True) for solid in scene.solids]
    sentences = [f"{kind} of {_listed(names)} on {_floor(scene, rng)} {_pick(rng, SKY[scene.sky])}."]
    again = [f"the {name.split(' ', 2)[2]}" for name in names]
    sentences.append(_sentence(_happens(scene, again, rng, said=True)))
    if not still:
        sentences.append(_sentence(_pick(rng, tuple(words for words in CAMERA[scene.camera.move] if words.startswith("the")))))
    side = "left" if scene.sun.azimuth < 0 else "right"
    if rng.random() < 0.5:
        sentences.append(
            f"The light comes from the {side}{_pick(rng, ('', ' and casts soft shadows', ', and shadows fall away from it'))}."
        )
    return " ".join(sentences)


def _happens(scene: Scene, names: Sequence[str], rng: np.random.Generator | None, *, said: bool = False) -> str:
    """What the solids of these names do. `said`: they were named before, so that those at rest need a verb."""
    first = scene.solids[0]
    others, doing = list(names[1:]), ""
    if scene.event == "collide":
        doing = f"{names[0]} rolls {_way(first, rng)} into {others.pop(0)}{_after(scene, rng)}"
    elif scene.event == "pass":
        doing = f"{names[0]} {_verb(first, rng)} {_way(first, rng)} {_pick(rng, ('behind', 'and passes behind'))} {others.pop(0)}"
    elif first.direction:
        doing = f"{names[0]} {_verb(first, rng)} {_way(first, rng)}"
    else:
        others = list(names)
    if not others:
        return doing
    stand = (
        ("stand", "rest", "are standing", "do not move")
        if len(others) > 1
        else ("stands", "rests", "is standing", "does not move")
    )
    resting = f"{_listed(others)} {_pick(rng, stand)}" if said else _listed(others)
    if not doing:
        return resting
    if said:
        return f"{doing}, {_pick(rng, ('while', 'and'))} {resting}"
    if scene.event == "move":
        return f"{doing} {_pick(rng, ('next to', 'beside'))} {resting}"
    return f"{doing}, with {resting} beside them,"


def _after(scene: Scene, rng: np.random.Generator | None) -> str:
    """What comes of a collision."""
    if scene.bounces:
        return _pick(rng, (" and bounces back", " and bounces off it", " and comes rolling back"))
    return _pick(rng, (", which rolls away", ", which rolls on too", " and sets it rolling", " and knocks it away"))


def _verb(solid: Solid, rng: np.random.Generator | None) -> str:
    return _pick(rng, ("rolls" if solid.shape.rolls else "slides", "moves"))


def _way(solid: Solid, rng: np.random.Generator | None) -> str:
    return _pick(rng, WAYS[solid.direction or ""])


def _name(solid: Solid, rng: np.random.Generator | None, *, sized: bool) -> str:
    words = f"{solid.colour} {_pick(rng, solid.shape.words)}"
    if sized:
        big, little = ("large", "big"), ("small", "little")
        words = f"{_pick(rng, big if solid.size_name == 'large' else little)} {words}"
    return f"{'an' if words[0] in 'aeio' else 'a'} {words}"


def _floor(scene: Scene, rng: np.random.Generator | None) -> str:
    words = f"{scene.floor.name} {_pick(rng, ('floor', 'tiled floor', 'ground', 'checkered floor'))}"
    return f"{'an' if words[0] in 'aeio' else 'a'} {words}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _pick(rng: np.random.Generator | None, wordings: Sequence[str]) -> str:
    """The first wording is the plainest, and the most common: half of all."""
    if rng is None or len(wordings) == 1 or rng.random() < 0.5:
        return wordings[0]
    return wordings[int(rng.integers(len(wordings)))]
