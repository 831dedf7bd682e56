"""Wan's transformer: configuration and names."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from worldreel.errors import UserError
from worldreel.models.wan.names import Reshape, as_it_is, renamed
from worldreel.transformer import TransformerConfig

FIXED = {
    "patch_size": [1, 2, 2],
    "cross_attn_norm": True,
    "qk_norm": "rms_norm_across_heads",
    "eps": 1e-6,
    "freq_dim": 256,
    "pos_embed_seq_len": None,
}
"""What every published one has, and our network is built for."""


def transformer_config(config: Mapping[str, Any]) -> TransformerConfig:
    """From the `config.json` of diffusers' WanTransformer3DModel. Raises UserError for one that is built otherwise."""
    for name, value in FIXED.items():
        if name in config and config[name] not in (value, tuple(value) if isinstance(value, list) else value):
            raise UserError(f"the transformer's {name} is {config[name]}, not {value}: no Wan that we know")
    heads = config["num_attention_heads"]
    return TransformerConfig(
        channels=4 * config["in_channels"],
        outputs=4 * config["out_channels"],
        text_width=config["text_dim"],
        width=heads * config["attention_head_dim"],
        blocks=config["num_layers"],
        heads=heads,
        mlp_width=config["ffn_dim"],
        place_frequencies=0,
        summary=False,
        image_width=config.get("image_dim"),
    )


def transformer_weights(source: Mapping[str, Tensor], what: str = "the transformer") -> dict[str, Tensor]:
    """The state of our Transformer from that of diffusers'. Raises UserError, which begins with `what`, for foreign names."""
    return renamed(source, TABLE, what)


def _patch(kernel: Tensor) -> Tensor:
    """A kernel [D, C, 1, 2, 2] over squares as a matrix [D, 4 C] over tokens, whose values are ordered row, column, channel."""
    return kernel[:, :, 0].permute(0, 2, 3, 1).flatten(1)


def _first(tensor: Tensor) -> Tensor:
    return tensor[0]


_BLOCK = r"blocks\.(\d+)\."
_ATTENTION = {
    r"to_([qkv])\.(weight|bias)": r"\2.\3",
    r"to_out\.0\.(weight|bias)": r"out.\2",
    r"(norm_[qk])\.weight": r"\2.weight",
}


def _attention(theirs: str, ours: str) -> dict[str, tuple[str, Reshape]]:
    return {_BLOCK + rf"{theirs}\." + pattern: (rf"blocks.\1.{ours}." + name, as_it_is) for pattern, name in _ATTENTION.items()}


TABLE: dict[str, tuple[str, Reshape]] = {
    r"patch_embedding\.weight": ("tokens.weight", _patch),
    r"patch_embedding\.bias": ("tokens.bias", as_it_is),
    r"condition_embedder\.time_embedder\.linear_1\.(weight|bias)": (r"time.0.\1", as_it_is),
    r"condition_embedder\.time_embedder\.linear_2\.(weight|bias)": (r"time.2.\1", as_it_is),
    r"condition_embedder\.time_proj\.(weight|bias)": (r"modulation.\1", as_it_is),
    r"condition_embedder\.text_embedder\.linear_1\.(weight|bias)": (r"text.0.\1", as_it_is),
    r"condition_embedder\.text_embedder\.linear_2\.(weight|bias)": (r"text.2.\1", as_it_is),
    **_attention("attn1", "attention"),
    **_attention("attn2", "cross"),
    _BLOCK + r"attn2\.add_([kv])_proj\.(weight|bias)": (r"blocks.\1.cross.image_\2.\3", as_it_is),
    _BLOCK + r"attn2\.norm_added_k\.weight": (r"blocks.\1.cross.norm_image.weight", as_it_is),
    r"condition_embedder\.image_embedder\.norm1\.(weight|bias)": (r"image.0.\1", as_it_is),
    r"condition_embedder\.image_embedder\.ff\.net\.0\.proj\.(weight|bias)": (r"image.1.\1", as_it_is),
    r"condition_embedder\.image_embedder\.ff\.net\.2\.(weight|bias)": (r"image.3.\1", as_it_is),
    r"condition_embedder\.image_embedder\.norm2\.(weight|bias)": (r"image.4.\1", as_it_is),
    _BLOCK + r"norm2\.(weight|bias)": (r"blocks.\1.norm2.\2", as_it_is),
    _BLOCK + r"ffn\.net\.0\.proj\.(weight|bias)": (r"blocks.\1.mlp.0.\2", as_it_is),
    _BLOCK + r"ffn\.net\.2\.(weight|bias)": (r"blocks.\1.mlp.2.\2", as_it_is),
    _BLOCK + r"scale_shift_table": (r"blocks.\1.table", _first),
    r"scale_shift_table": ("head_table", _first),
    r"proj_out\.(weight|bias)": (r"head.\1", as_it_is),
}
