"""Captions as other people would word them: synonyms, other verbs, another order.

Half of the wordings are withheld from training, so that it can be measured how far a model has learned what is meant and
not how it is said.
"""

from collections.abc import Sequence

import numpy as np

from worldreel.worlds.scenes import Actor, Background, Scene
from worldreel.worlds.subjects import article

SUBJECTS: dict[str, tuple[str, ...]] = {
    "dog": ("doggy", "hound"),
    "cat": ("kitty", "kitten"),
    "cow": ("dairy cow", "heifer"),
    "elephant": ("tusker", "jumbo"),
    "octopus": ("kraken", "tentacled creature"),
    "bee": ("honeybee", "bumblebee"),
    "ladybug": ("ladybird", "spotted beetle"),
    "turtle": ("tortoise", "terrapin"),
    "chick": ("baby chicken", "little chick"),
    "frog": ("toad", "green frog"),
    "pig": ("hog", "swine"),
    "panda": ("panda bear", "giant panda"),
    "ghost": ("phantom", "spook"),
    "alien": ("extraterrestrial", "martian"),
    "rocket": ("spaceship", "rocket ship"),
    "car": ("automobile", "vehicle"),
    "robot": ("android", "droid"),
    "pumpkin": ("jack-o'-lantern", "halloween pumpkin"),
    "dinosaur": ("t-rex", "tyrannosaurus"),
    "owl": ("night owl", "barn owl"),
    "snowman": ("snow figure", "frosty snowman"),
}
"""Other words for a subject: the first is heard in training, the second is not."""

COLOURS: dict[str, tuple[str, ...]] = {
    "red": ("crimson", "scarlet"),
    "teal": ("turquoise", "cyan"),
    "blue": ("deep blue", "royal blue"),
    "purple": ("violet", "lilac"),
    "pink": ("light pink", "rose"),
    "gray": ("grey", "ash gray"),
    "white": ("snow-white", "pure white"),
    "black": ("pitch-black", "jet-black"),
}

VERBS = ("goes", "travels"), ("heads", "makes its way")
WAYS = (
    {"left": "leftward", "right": "rightward", "up": "upwards", "down": "downwards"},
    {"left": "towards the left", "right": "towards the right", "up": "to the top", "down": "to the bottom"},
)
PLACES = (
    {"left": "at the left", "right": "at the right", "middle": "at the centre"},
    {"left": "on the left-hand side", "right": "on the right-hand side", "middle": "in the centre"},
)
ORDERS = (
    ("on {background}, {actors}", "{actors}, {background}", "there is {background} where {actors}"),
    ("in front of {background} {actors}", "{background} with {actors}", "show {background} on which {actors}"),
)


def paraphrase(scene: Scene, rng: np.random.Generator, *, withheld: bool = False) -> str:
    """One line that means what `short_caption` says. `withheld`: only in wordings that training never shows."""
    half = int(withheld)
    actors = [_actor(actor, scene, rng, half) for actor in scene.actors]
    words = actors[0] if len(actors) == 1 else ", ".join(actors[:-1]) + " and " + actors[-1]
    return _any(rng, ORDERS[half]).format(actors=words, background=_background(scene.background, half))


def _actor(actor: Actor, scene: Scene, rng: np.random.Generator, half: int) -> str:
    name = SUBJECTS.get(actor.subject.name, (actor.subject.name,) * 2)[half]
    who = f"{article(name)} {name}"
    place = PLACES[half].get(actor.position or "", "")
    if actor.direction and scene.canvas.frames > 1:
        return f"{who} {_any(rng, VERBS[half])} {WAYS[half][actor.direction]} {place}".strip()
    return f"{who} is {place}" if place else who


def _background(background: Background, half: int) -> str:
    names = [COLOURS.get(name, (name,) * 2)[half] for name in background.names]
    if len(names) == 1:
        return f"{article(names[0])} {names[0]} {('backdrop', 'background')[half]}"
    return (f"a gradient from {names[0]} down to {names[1]}", f"a background going from {names[0]} to {names[1]}")[half]


def _any(rng: np.random.Generator, wordings: Sequence[str]) -> str:
    return wordings[int(rng.integers(len(wordings)))]
