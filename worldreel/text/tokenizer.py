"""Prompts to word pieces: lower-cased WordPiece (Wu et al. 2016), as BERT has it."""

from collections.abc import Mapping
from pathlib import Path

from worldreel.errors import UserError


class Tokenizer:
    """Reads a `tokenizer.json`. Adds no special tokens: the encoder has a start of its own."""

    def __init__(self, path: Path, maximum: int = 96) -> None:
        from tokenizers import Tokenizer as Pieces

        try:
            self._pieces = Pieces.from_buffer(path.read_bytes())
        except Exception as error:  # the library raises nothing narrower
            raise UserError(f"{path} is not a tokenizer ({error}); make it with `python -m worldreel.text.prepare`") from error
        self.maximum = maximum
        self.unknown = self._pieces.token_to_id("[UNK]")

    def __len__(self) -> int:
        return int(self._pieces.get_vocab_size())

    def vocabulary(self) -> list[str]:
        """Its pieces by number; of BERT's, commoner words come first."""
        pieces = self._pieces.get_vocab()
        return sorted(pieces, key=lambda piece: int(pieces[piece]))

    def encode(self, text: str) -> list[int]:
        """The numbers of its word pieces, the first `maximum` of them; none for an empty or a blank text."""
        return list(self._pieces.encode(_encodable(text), add_special_tokens=False).ids[: self.maximum])

    def words(self, text: str) -> list[str]:
        """The words of a text in order: lower-cased, without accents and punctuation, each once."""
        return list(dict.fromkeys(word for word, _ in self.split(text)[1] if any(letter.isalnum() for letter in word)))

    def replaced(self, text: str, others: Mapping[str, str]) -> str:
        """A text with others of its words (see `words`) in their places; as it was, if none of them is there."""
        plain, words = self.split(text)
        out, end = "", 0
        for word, (start, stop) in words:
            if word in others:
                out, end = out + plain[end:start] + others[word], stop
        return out + plain[end:] if end else text

    def split(self, text: str) -> tuple[str, list[tuple[str, tuple[int, int]]]]:
        """The text as its words are written, and words and punctuation with where they are."""
        plain: str = self._pieces.normalizer.normalize_str(_encodable(text))
        words: list[tuple[str, tuple[int, int]]] = self._pieces.pre_tokenizer.pre_tokenize_str(plain)
        return plain, words


def _encodable(text: str) -> str:
    # An argument with bytes that are no UTF-8 arrives as lone surrogates, which the library refuses.
    return text.encode("utf-8", "replace").decode()
