"""LoRA files for Wan, in the three ways that people name their tensors: diffusers', Wan's own, and musubi-tuner's."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from worldreel.checkpoints import load_metadata, load_tensors
from worldreel.errors import UserError
from worldreel.models.bundle import Expert
from worldreel.models.wan.transformer import TABLE
from worldreel.transformer.lora import AdaptedLinear, LowRank

PARTS = {
    "lora_A.weight": "down",
    "lora_B.weight": "up",
    "lora_A.default.weight": "down",
    "lora_B.default.weight": "up",
    "lora_down.weight": "down",
    "lora_up.weight": "up",
    "alpha": "alpha",
    "diff_b": "bias",
    "lora_B.bias": "bias",
}
"""What may follow a layer's name, and which part of an addition it is."""
PREFIXES = {"transformer_2.": "late", "transformer.": None, "diffusion_model.": None, "lora_unet_": None}
"""What may come before it; only one says which expert it is for."""
ORIGINAL = {
    r"blocks[._](\d+)[._]self_attn[._]([qkv])": r"blocks.\1.attention.\2",
    r"blocks[._](\d+)[._]self_attn[._]o": r"blocks.\1.attention.out",
    r"blocks[._](\d+)[._]cross_attn[._]([qkv])": r"blocks.\1.cross.\2",
    r"blocks[._](\d+)[._]cross_attn[._]o": r"blocks.\1.cross.out",
    r"blocks[._](\d+)[._]cross_attn[._]([kv])_img": r"blocks.\1.cross.image_\2",
    r"blocks[._](\d+)[._]ffn[._]([02])": r"blocks.\1.mlp.\2",
    r"text_embedding[._]([02])": r"text.\1",
    r"time_embedding[._]([02])": r"time.\1",
    r"time_projection[._]1": "modulation",
    r"img_emb[._]proj[._]([13])": r"image.\1",
    r"head[._]head": "head",
}
"""Layers as Wan's own programs name them (dots), and musubi-tuner (underscores) -> ours."""
UNREAD = ("use_dora", "use_rslora", "rank_pattern", "alpha_pattern")


class Addition(NamedTuple):
    """For one layer of ours, and one of two experts if the file says so."""

    layer: str
    expert: Expert | None
    added: LowRank


def read_lora(path: Path) -> list[Addition]:
    """Raises UserError for a file that holds anything but additions to layers of Wan."""
    tensors, alpha = load_tensors(path), _alpha(path)
    found: dict[tuple[str, Expert | None], dict[str, Tensor]] = defaultdict(dict)
    for key, tensor in tensors.items():
        prefix = next((one for one in PREFIXES if key.startswith(one)), "")
        name = key.removeprefix(prefix)
        part = next((one for one in PARTS if name.endswith("." + one)), None)
        if part is None:
            if name.endswith(".diff") and not tensor.any():
                continue  # some programs write the differences of layers that they did not change
            raise UserError(f"{path} holds {key!r}, which is no LoRA of a Wan that we know; give one made for Wan")
        if not bool(tensor.isfinite().all()):
            raise UserError(f"{path}: {key!r} holds values that are not finite; fetch the file again")
        expert: Expert | None = "late" if PREFIXES.get(prefix) == "late" else None
        found[_layer(name.removesuffix("." + part), key, path), expert][PARTS[part]] = tensor
    if not found:
        raise UserError(f"{path} holds no tensors; give a LoRA made for Wan")
    return [Addition(layer, expert, _low_rank(parts, alpha)) for (layer, expert), parts in found.items()]


def check_lora(path: Path, network: nn.Module, additions: list[Addition]) -> None:
    """Raises UserError for the first addition that does not fit a network, before any is made."""
    for layer, _, added in additions:
        try:
            found = network.get_submodule(layer)
        except AttributeError:
            raise UserError(f"{path} adds to {layer!r}, which this model has not: it was made for another Wan") from None
        while isinstance(found, AdaptedLinear):
            found = found.layer
        if not isinstance(found, nn.Linear) or not added.fits(found):
            shapes = [tuple(one.shape) for one in (added.up, added.down, added.bias) if one is not None]
            raise UserError(
                f"{path}: what it adds to {layer!r} is {' and '.join(map(str, shapes))}, which does not fit: "
                "it was made for another Wan, or is not whole"
            )


def _layer(name: str, key: str, path: Path) -> str:
    for pattern, ours in ORIGINAL.items():
        match = re.fullmatch(pattern, name)
        if match:
            return match.expand(ours)
    for pattern, (ours, _) in TABLE.items():
        match = re.fullmatch(pattern, f"{name}.weight")
        if match:
            return match.expand(ours).removesuffix(".weight")
    raise UserError(f"{path} holds {key!r}, which is no layer of a Wan that we know; give a LoRA made for Wan")


def _low_rank(parts: Mapping[str, Tensor], alpha: float | None) -> LowRank:
    down, own = parts.get("down"), parts.get("alpha")
    value = float(own) if own is not None else alpha
    rank = len(down) if down is not None and down.ndim else 0
    return LowRank(down, parts.get("up"), parts.get("bias"), value / rank if value is not None and rank else 1.0)


def _alpha(path: Path) -> float | None:
    """What diffusers writes beside its tensors, if anything; without it, alpha is the rank. Raises UserError for kinds of LoRA
    that are more than a product of two matrices."""
    try:
        told = json.loads(load_metadata(path).get("lora_adapter_metadata", "{}"))
        plain = {str(key).rpartition(".")[2]: value for key, value in told.items()}
        for name in UNREAD:
            if plain.get(name):
                raise UserError(f"{path} is a LoRA with {name}, which is not read here; give a plain one")
        return None if plain.get("lora_alpha") is None else float(plain["lora_alpha"])
    except (AttributeError, TypeError, json.JSONDecodeError) as error:
        raise UserError(f"{path}: its metadata cannot be read ({error}); fetch the file again") from error
