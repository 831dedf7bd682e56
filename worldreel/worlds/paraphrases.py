"""Captions as other people would word them: synonyms, other verbs, other orders.

Part of the wordings is withheld from training, so that it can be measured how far a model has learned what is meant and
not how it is said.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from worldreel.worlds.scenes import Actor, Background, Scene
from worldreel.worlds.subjects import article

T = TypeVar("T")

Synonyms = dict[str, tuple[str, tuple[str, ...]]]
"""Other words for a name: one that is withheld, and those that training shows."""

SUBJECTS: Synonyms = {
    "dog": ("hound", ("doggy", "puppy", "pup", "canine")),
    "cat": ("kitten", ("kitty", "pussycat", "tomcat", "house cat")),
    "cow": ("heifer", ("dairy cow", "milk cow", "bull", "cattle")),
    "elephant": ("jumbo", ("tusker", "indian elephant", "african elephant")),
    "penguin": ("king penguin", ("emperor penguin", "baby penguin", "antarctic bird")),
    "octopus": ("tentacled creature", ("kraken", "cuttlefish", "eight-armed octopus")),
    "bee": ("bumblebee", ("honeybee", "wasp", "honey bee")),
    "ladybug": ("spotted beetle", ("ladybird", "lady beetle", "lady bug")),
    "turtle": ("terrapin", ("tortoise", "sea turtle", "snapping turtle")),
    "chick": ("little chick", ("baby chicken", "hatchling", "young hen", "baby bird")),
    "frog": ("green frog", ("toad", "bullfrog", "tree frog")),
    "pig": ("swine", ("hog", "piggy", "farm pig", "sow")),
    "panda": ("giant panda", ("panda bear", "bamboo bear", "chinese bear")),
    "whale": ("sperm whale", ("humpback whale", "orca", "humpback")),
    "ghost": ("spook", ("phantom", "spirit", "ghoul", "spectre")),
    "alien": ("martian", ("extraterrestrial", "space alien", "creature from space")),
    "rocket": ("rocket ship", ("spaceship", "spacecraft", "space rocket")),
    "car": ("vehicle", ("automobile", "motor car", "auto", "sedan")),
    "robot": ("droid", ("android", "bot", "humanoid robot", "cyborg")),
    "pumpkin": ("halloween pumpkin", ("jack-o'-lantern", "carved pumpkin", "squash")),
    "unicorn": ("magical horse", ("horned horse", "fairy unicorn", "horse with a horn")),
    "dinosaur": ("tyrannosaurus", ("t-rex", "dino", "reptile from the jurassic")),
    "owl": ("barn owl", ("night owl", "owlet", "hoot owl")),
    "snowman": ("frosty snowman", ("snow figure", "snow man", "man of snow")),
}
"""None is another subject of any cast."""

COLOURS: Synonyms = {
    "red": ("scarlet", ("crimson", "ruby", "cherry red")),
    "orange": ("bright orange", ("tangerine", "amber")),
    "yellow": ("sunny yellow", ("lemon", "lemon yellow", "golden")),
    "green": ("grass green", ("emerald", "leaf green")),
    "teal": ("cyan", ("turquoise", "aquamarine", "aqua")),
    "blue": ("royal blue", ("deep blue", "azure", "cobalt")),
    "purple": ("lilac", ("violet", "plum", "lavender")),
    "pink": ("rose", ("light pink", "pale pink", "salmon")),
    "brown": ("dark brown", ("chestnut", "chocolate")),
    "gray": ("ash gray", ("grey", "slate", "medium gray")),
    "white": ("pure white", ("snow-white", "ivory", "snowy")),
    "black": ("jet-black", ("pitch-black", "ebony", "coal black")),
}
ADJECTIVES = "cute", "funny", "friendly", "lovely", "cartoon", "nice"


class Wordings(NamedTuple):
    """How the parts of a sentence are said; each is drawn by itself."""

    verbs: tuple[str, ...]
    ways: tuple[dict[str, str], ...]
    stays: tuple[str, ...]
    places: tuple[dict[str, str], ...]
    plain: tuple[str, ...]
    fading: tuple[str, ...]
    orders: tuple[str, ...]


def _each(wording: str, names: str) -> dict[str, str]:
    return {name: wording.format(name) for name in names.split()}


WAYS, PLACES = "left right up down", "left right middle"

HEARD = Wordings(
    verbs=("goes", "travels", "is moving", "is going", "glides", "drifts", "slides", "wanders", "hurries", "keeps moving"),
    ways=(
        _each("{}", WAYS),
        {"left": "leftward", "right": "rightward", "up": "upwards", "down": "downwards"},
        {
            "left": "to the left side",
            "right": "to the right side",
            "up": "up to the upper edge",
            "down": "down to the lower edge",
        },
        {"left": "from right to left", "right": "from left to right", "up": "from below, up", "down": "from above, down"},
    ),
    stays=("is", "waits", "sits", "rests", "is seen", "can be seen"),
    places=(
        _each("at the {}", "left right") | {"middle": "at the centre"},
        _each("on the {} side", "left right") | {"middle": "in the middle"},
        _each("in the {} half", "left right") | {"middle": "in the center"},
    ),
    plain=("{a} {} backdrop", "a background in {}", "{}", "plain {}", "{a} {} wall", "{a} {} screen", "{a} {} background"),
    fading=(
        "a gradient from {} down to {}",
        "{} fading into {}",
        "{} above and {} below",
        "a backdrop that turns from {} into {}",
    ),
    orders=(
        "on {background}, {actors}",
        "{actors}, {background}",
        "there is {background} where {actors}",
        "over {background}, {actors}",
        "{background}, and {actors}",
        "{background}: {actors}",
        "{actors}, all of it on {background}",
        "{actors} against {background}",
        "behind it {background}, {actors}",
        "a clip of {background}, before which {actors}",
        "we see {background} and how {actors}",
        "show {background} where {actors}",
        "show how {actors} on {background}",
        "picture {background}, in which {actors}",
    ),
)
WITHHELD = Wordings(
    verbs=("heads", "makes its way"),
    ways=(
        {"left": "towards the left", "right": "towards the right", "up": "to the top", "down": "to the bottom"},
        {"left": "over to the left", "right": "over to the right", "up": "straight up", "down": "straight down"},
    ),
    stays=("stays put", "does not move"),
    places=(_each("on the {}-hand side", "left right") | {"middle": "in the centre"},),
    plain=("{a} {} surface", "a background coloured {}"),
    fading=("a background going from {} to {}",),
    orders=(
        "in front of {background} {actors}",
        "{background} with {actors}",
        "show {background} on which {actors}",
    ),
)


def withheld_words() -> frozenset[str]:
    """All single words in wordings that training never shows; some of them, such as "the", occur in others too."""
    places = [text for way in (*WITHHELD.ways, *WITHHELD.places) for text in way.values()]
    names = [withheld for words in (SUBJECTS, COLOURS) for withheld, _ in words.values()]
    texts = [*names, *places, *WITHHELD.verbs, *WITHHELD.stays, *WITHHELD.plain, *WITHHELD.fading, *WITHHELD.orders]
    return frozenset(re.findall(r"[a-z]+", " ".join(texts)))


def paraphrase(scene: Scene, rng: np.random.Generator, *, withheld: bool = False) -> str:
    """One line that means what `short_caption` says. `withheld`: only in wordings that training never shows."""
    wordings = WITHHELD if withheld else HEARD
    actors = [_actor(actor, scene, rng, wordings) for actor in scene.actors]
    words = actors[0] if len(actors) == 1 else ", ".join(actors[:-1]) + " and " + actors[-1]
    return pick(rng, wordings.orders).format(actors=words, background=_background(scene.background, rng, wordings))


def _actor(actor: Actor, scene: Scene, rng: np.random.Generator, wordings: Wordings) -> str:
    name = _other(actor.subject.name, SUBJECTS, rng, wordings)
    if wordings is HEARD and rng.random() < 0.2:
        name = f"{pick(rng, ADJECTIVES)} {name}"
    who = f"{article(name)} {name}"
    place = pick(rng, wordings.places).get(actor.position or "", "")
    if actor.direction and scene.canvas.frames > 1:
        return f"{who} {pick(rng, wordings.verbs)} {pick(rng, wordings.ways)[actor.direction]} {place}".strip()
    return f"{who} {pick(rng, wordings.stays)} {place}" if place else who


def _background(background: Background, rng: np.random.Generator, wordings: Wordings) -> str:
    names = [_other(name, COLOURS, rng, wordings) for name in background.names]
    sayings = wordings.plain if len(names) == 1 else wordings.fading
    return pick(rng, sayings).format(*names, a=article(names[0]))


def _other(name: str, words: Synonyms, rng: np.random.Generator, wordings: Wordings) -> str:
    """Another word for `name`; of those that training shows, its own is one in three."""
    withheld, heard = words.get(name, (name, (name,)))
    if wordings is WITHHELD:
        return withheld
    return name if rng.random() < 1 / 3 else pick(rng, heard)


def pick(rng: np.random.Generator, wordings: Sequence[T]) -> T:
    """Any of them, as often each."""
    return wordings[int(rng.integers(len(wordings)))]
