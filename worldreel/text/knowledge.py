"""Which words of a prompt mean something to a model: those it was taught, and those that lie near them."""

from collections.abc import Collection, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from worldreel.text.table import WordTable
from worldreel.text.tokenizer import Tokenizer

NEAR = 0.45
"""Cosine from which words count as near: puppy and dog have 0.68, guitar and the nearest taught word of the sprites 0.3."""
SURE, APART = 0.6, 0.05
"""Cosine from which a word is read as a name, and by how much it must be nearer than the next name: "coloured" is near to all
colours. Of the 38 words of training that would be read so, 36 mean that name."""
JOINTS = "and", ",", "-"
"""What may stand between two colours of one thing."""
UNRELATED = 0.3
"""Cosine below which a word says nothing of what was taught."""


class Knowledge:
    """Compares words by the static table that the text encoder reads them with."""

    def __init__(self, tokenizer: Tokenizer, table: WordTable) -> None:
        self.tokenizer, self.table = tokenizer, table

    def nearest_known(self, prompt: str, taught: Sequence[str], threshold: float = NEAR) -> dict[str, str]:
        """Each word of the prompt that is known, with the nearest taught word; itself if it was taught.

        `taught` should hold words of meaning (subjects, colours, directions, deeds), no articles or prepositions. An
        empty answer says that no word of the prompt is known.
        """
        exact = {word: name for name in taught for word in self.tokenizer.words(name)[:1] if word == name.lower()}
        words = self.tokenizer.words(prompt)
        known = {word: exact[word] for word in words if word in exact}
        others = [word for word in words if word not in exact]
        if others and taught:
            cosines, places = (self._vectors(others) @ self._vectors(taught).T).max(dim=1)
            near = zip(others, cosines.tolist(), places.tolist(), strict=True)
            known |= {word: taught[place] for word, cosine, place in near if cosine >= threshold}
        return {word: known[word] for word in words if word in known}

    def renamed(self, prompt: str, names: Sequence[str], heard: Collection[str]) -> dict[str, str]:
        """Words of the prompt that are none of `heard`, those of a training, but surely mean one of `names`, which are. A small
        encoder understands the words of its training and few others; what others are near to, the table knows."""
        words = [word for word in self.tokenizer.words(prompt) if word not in heard and word not in names]
        if not words or len(names) < 2:
            return {}
        cosines, places = (self._vectors(words) @ self._vectors(names).T).topk(2, dim=1)
        near = zip(words, cosines.tolist(), places[:, 0].tolist(), strict=True)
        return {word: names[place] for word, (first, next_), place in near if first >= SURE and first - next_ >= APART}

    def uncoloured(self, prompt: str, subjects: Sequence[str], colours: Sequence[str]) -> tuple[str, list[str]]:
        """A prompt without the colours right before a subject ("a red and white rocket"), and these. Subjects and colours are the
        names, and words that surely mean one."""
        text, words = self.tokenizer.split(prompt)
        names = [*subjects, *colours]
        if not words or not subjects or not colours:
            return prompt, []
        cosines, places = (self._vectors([word for word, _ in words]) @ self._vectors(names).T).max(dim=1)
        sure = [place if one >= SURE else None for one, place in zip(cosines.tolist(), places.tolist(), strict=True)]
        kinds = ["" if place is None else "subject" if place < len(subjects) else "colour" for place in sure]
        out, kept, left, number = "", 0, [], 0
        while number < len(words):
            start = number
            while kinds[number : number + 1] == ["colour"]:
                joined = kinds[number + 2 : number + 3] == ["colour"] and words[number + 1][0] in JOINTS
                number += 2 if joined else 1
            if number > start and kinds[number : number + 1] == ["subject"]:
                while start > 1 and words[start - 1][0] == "-":
                    start -= 2  # a crimson-red one
                out += text[kept : words[start][1][0]]
                kept = words[number][1][0]
                left += [word for word, _ in words[start:number] if word not in JOINTS]
            number += 1
        return (out + text[kept:], left) if left else (prompt, [])

    def heeded(self, prompt: str, idle: Collection[str]) -> tuple[str, list[str]]:
        """A prompt without idle words, and those of them that it has. As it is, where nothing would be left."""
        text, placed = self.tokenizer.split(prompt)
        words = self.tokenizer.words(prompt)
        left = [word for word in words if word in idle]
        if not left or len(left) == len(words):
            return prompt, []
        out, kept = "", 0
        for word, (start, stop) in placed:
            if word in left:
                out, kept = out + text[kept:start], stop
        return " ".join((out + text[kept:]).split()), left

    def unrelated(self, taught: Sequence[str], most: float = UNRELATED) -> list[str]:
        """Words of three letters or more that are near to none of those taught, in the tokenizer's order."""
        pieces = self.tokenizer.vocabulary()
        directions = F.normalize(self.table(torch.arange(len(pieces), device=self.table.rows.device)).float(), dim=1)
        nearest = (directions @ self._vectors(taught).T).amax(dim=1).tolist()
        plain = ((piece, near) for piece, near in zip(pieces, nearest, strict=True) if piece.isascii() and piece.isalpha())
        return [piece for piece, near in plain if len(piece) > 2 and near < most]

    def _vectors(self, words: Sequence[str]) -> Tensor:
        """Directions [words, D]: the mean of a word's pieces; zero, which is near to nothing, where a piece is unknown."""
        return torch.stack([self._vector(self.tokenizer.encode(word)) for word in words])

    def _vector(self, pieces: list[int]) -> Tensor:
        if not pieces or self.tokenizer.unknown in pieces:
            return torch.zeros_like(self.table.rows[0], dtype=torch.float32)
        return F.normalize(self.table(torch.tensor(pieces, device=self.table.rows.device)).mean(0), dim=0)
