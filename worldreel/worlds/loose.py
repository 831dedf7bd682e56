"""Captions as loosely as people word them: rarer words for subjects and colours, and between what matters words that say nothing.

No wording that `paraphrases` withholds is among them.
"""

import re
from collections.abc import Sequence

import numpy as np

from worldreel.worlds import captions, paraphrases
from worldreel.worlds.paraphrases import HEARD, SUBJECTS, pick
from worldreel.worlds.scenes import Actor, Background, Scene
from worldreel.worlds.subjects import article


def _listed(**words: str) -> dict[str, tuple[str, ...]]:
    return {name: tuple(said.split(", ")) for name, said in words.items()}


RARER_SUBJECTS = _listed(
    dog="mutt, pooch, doggie, terrier, beagle, spaniel, collie, corgi, dachshund, retriever, labrador, german shepherd, "
    "bulldog, husky, dalmatian, pet dog, watchdog, mongrel, chihuahua, pug, sheepdog",
    cat="feline, tabby, puss, moggy, kitty-cat, siamese, persian cat, alley cat, pet cat, domestic cat, tabby cat, mouser",
    cow="bovine, bullock, steer, calf, longhorn, dairy animal, moo-cow, farm cow, beef cattle",
    elephant="pachyderm, elephant calf, animal with a trunk, big elephant, woolly mammoth, trunked animal",
    penguin="gentoo, chinstrap penguin, adelie penguin, polar bird, small penguin, flightless bird, rockhopper",
    octopus="cephalopod, devilfish, creature with eight arms, octopod, mollusc with eight arms, octopuses",
    bee="hornet, worker bee, queen bee, humble-bee, busy bee, pollinator, honey maker, drone bee, yellowjacket",
    ladybug="lady bird, ladybird bug, garden bug, dotted bug, lucky bug, lady-bug, bug with dots",
    turtle="box turtle, leatherback, loggerhead, slider, shelled reptile, slow turtle, animal with a shell, pond turtle",
    chick="fledgling, nestling, newborn chicken, tiny chicken, baby hen, small bird, easter chick, hen's child",
    frog="froggy, amphibian, croaker, pond frog, poison frog, leaping frog, natterjack, spadefoot",
    pig="porker, pot-bellied pig, oinker, squealer, razorback, wild pig",
    panda="panda cub, bear from china, bamboo eater, pandas, big panda, panda from china",
    whale="killer whale, beluga, cetacean, sea mammal, narwhal, great whale, minke whale, whale calf",
    ghost="specter, wraith, poltergeist, apparition, ghostie, phantasm, haunting spirit, bogey, boo",
    alien="visitor from space, invader, space creature, ufo pilot, extraterrestrial being, being from mars, outer space creature",
    rocket="missile, space shuttle, shuttle, starship, space vessel, rocketship, moon rocket",
    car="coupe, hatchback, convertible, cab, roadster, limousine, motorcar, minivan, sports car, passenger car, hot rod",
    robot="automaton, machine, mechanical man, mech, machine man, robotic man, golem, metal man, tin man",
    pumpkin="gourd, pumpkin lantern, jack o lantern, carved gourd, pumpkin head, autumn squash, october pumpkin",
    unicorn="mythical horse, one-horned horse, pony with a horn, fairy tale horse, unicorn pony, horse of legend, alicorn",
    dinosaur="raptor, velociraptor, brontosaurus, stegosaurus, triceratops, allosaurus, prehistoric reptile, jurassic beast",
    owl="screech owl, horned owl, tawny owl, eagle owl, hooting bird, bird of the night, hooter, owl chick",
    snowman="snowperson, man made of snow, winter figure, snowman with a hat, frozen man, snowmen, snow guy",
)
RARER_COLOURS = _listed(
    red="ruby red, blood red, brick red, tomato, tomato red, vermilion, maroon, strawberry, lipstick red, reddish, deep red, "
    "burgundy, carmine",
    orange="apricot, tangerine orange, mango, carrot, burnt orange, orangey, clementine, mandarin, light orange, melon",
    yellow="canary, canary yellow, gold, mustard, dandelion, sunflower, banana, butter yellow, yellowish, maize, light yellow",
    green="forest green, jade, moss green, fern, olive green, greenish, lime green, pea green, shamrock, mint green, pine green",
    teal="blue-green, sea green, bluish green, turquoise blue, teal green, deep teal, ocean green",
    blue="sky blue, navy, navy blue, sapphire, cerulean, ultramarine, ocean blue, bluish, light blue, electric blue, denim",
    purple="mauve, grape, amethyst, eggplant, aubergine, violet purple, purplish, deep purple, orchid",
    pink="hot pink, bubblegum, fuchsia, baby pink, blush, flamingo pink, pinkish, coral pink, carnation, candy pink",
    brown="coffee, mahogany, cocoa, tan, earth brown, mocha, light brown, caramel, brownish, walnut, hazel, cinnamon",
    gray="silver, stone gray, steel gray, smoke gray, greyish, pewter, concrete, light gray, cloudy gray, iron gray",
    white="cream, milk white, chalk white, off-white, eggshell, pearl, whitish, bone white, milky, alabaster",
    black="charcoal, midnight black, ink black, onyx, blackish, obsidian, soot black, inky, deep black, coal",
)
WAYS = (
    {"left": "off to the left", "right": "off to the right", "up": "up into the air", "down": "down to the ground"},
    {"left": "leftwards", "right": "rightwards", "up": "up high", "down": "down low"},
    {"left": "to the left edge", "right": "to the right edge", "up": "skyward, up", "down": "downhill, down"},
)
PLACES = (
    {"left": "left of center", "right": "right of center", "middle": "dead center"},
    {"left": "in the left part", "right": "in the right part", "middle": "in the central part"},
)
NOUNS = "background", "backdrop", "wall", "screen", "sky", "sheet", "canvas", "floor", "room"
LINKS = (
    "the",
    "a",
    "of",
    "in",
    "on",
    "and",
    "with",
    "by",
    "for",
    "at",
    "as",
    "is",
    "it",
    "this",
    "that",
    "we",
    "see",
    "where",
    "so",
)


def heard_words() -> frozenset[str]:
    """All words that captions of sprites, paraphrases and loose wordings have, but for `fillers`, which say nothing."""
    names = [*SUBJECTS, *(word for _, some in (*SUBJECTS.values(), *paraphrases.COLOURS.values()) for word in some)]
    rarer = [word for words in (RARER_SUBJECTS, RARER_COLOURS) for some in words.values() for word in some]
    ways = [text for way in (*HEARD.ways, *HEARD.places, *WAYS, *PLACES) for text in way.values()]
    sayings = [*HEARD.verbs, *HEARD.stays, *HEARD.plain, *HEARD.fading, *HEARD.orders, *paraphrases.ADJECTIVES, *NOUNS, *LINKS]
    plainly = [text for some in (captions.DEED_WORDS, captions.STYLE_WORDS) for way in some.values() for text in way]
    texts = [*names, *paraphrases.COLOURS, *rarer, *ways, *sayings, *plainly, *captions.PLACES.values(), *captions.CLOSE_WORDS]
    return frozenset(re.findall(r"[a-z]+", " ".join(texts)))


def loose(scene: Scene, rng: np.random.Generator, fillers: Sequence[str]) -> str:
    """One line with all that `short_caption` says, and some `fillers`, words that say nothing; the commoner of them come first,
    and are drawn more often."""
    between = _Between(rng, fillers)
    actors = [_actor(actor, scene, rng, between) for actor in scene.actors]
    who = actors[0] if len(actors) == 1 else ", ".join(actors[:-1]) + " and " + actors[-1]
    parts = [_background(scene.background, rng, between), who]
    first, second = parts if rng.random() < 0.6 else reversed(parts)
    link = pick(rng, (",", "and", ":", "with", "on", "where")) if rng.random() < 0.65 else between.some(1, 3)
    before = between.some(0, 3) if rng.random() < 0.6 else ""
    after = between.some(0, 2) if rng.random() < 0.3 else ""
    return " ".join(f"{before} {first} {link} {second} {after}".split())


class _Between:
    """Words between words that matter."""

    def __init__(self, rng: np.random.Generator, fillers: Sequence[str]) -> None:
        self.rng, self.fillers = rng, fillers

    def some(self, least: int, most: int) -> str:
        return " ".join(self._one() for _ in range(int(self.rng.integers(least, most + 1))))

    def _one(self) -> str:
        if self.rng.random() < 0.4:
            return pick(self.rng, LINKS)
        return self.fillers[int(len(self.fillers) * self.rng.random() ** 2)]


def _actor(actor: Actor, scene: Scene, rng: np.random.Generator, between: _Between) -> str:
    name = _other(actor.subject.name, SUBJECTS, RARER_SUBJECTS, rng)
    if rng.random() < 0.25:
        name = f"{between.some(1, 1)} {name}"
    who = f"{article(name)} {name}" if rng.random() < 0.8 else name
    place = pick(rng, (*HEARD.places, *PLACES)).get(actor.position or "", "")
    if actor.direction and scene.canvas.frames > 1:
        verb = between.some(1, 2) if rng.random() < 0.6 else pick(rng, HEARD.verbs)
        return f"{who} {verb} {pick(rng, (*HEARD.ways, *WAYS))[actor.direction]} {place}"
    stay = between.some(1, 2) if rng.random() < 0.6 else pick(rng, HEARD.stays)
    return f"{who} {stay} {place}" if place else who


def _background(background: Background, rng: np.random.Generator, between: _Between) -> str:
    names = [_other(name, paraphrases.COLOURS, RARER_COLOURS, rng) for name in background.names]
    if len(names) > 1:
        if rng.random() < 0.5:
            return pick(rng, HEARD.fading).format(*names)
        return f"{between.some(0, 2)} from {names[0]} {between.some(0, 1)} {pick(rng, ('to', 'into', 'down to'))} {names[1]}"
    (name,) = names
    noun = between.some(1, 2) if rng.random() < 0.6 else pick(rng, NOUNS)
    way = rng.random()
    if way < 0.45:
        return f"{article(name)} {name} {noun}"
    return f"a {noun} {between.some(0, 2)} {name}" if way < 0.9 else name


def _other(
    name: str, heard: dict[str, tuple[str, tuple[str, ...]]], rarer: dict[str, tuple[str, ...]], rng: np.random.Generator
) -> str:
    """Its own name, one of the words that paraphrases use, or a rarer one: as often each."""
    _, some = heard.get(name, ("", (name,)))
    return pick(rng, pick(rng, ((name,), some, rarer.get(name, some))))
