"""Wan's autoencoders, 2.1 (4x8x8, 16 channels) and 2.2 (4x16x16, 48 channels): configuration and names."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from worldreel.autoencoder import AutoencoderConfig
from worldreel.errors import UserError
from worldreel.models.wan.names import Reshape, as_it_is, renamed


def autoencoder_config(config: Mapping[str, Any]) -> AutoencoderConfig:
    """From the `config.json` of diffusers' AutoencoderKLWan. Raises UserError for one that is built otherwise."""
    if config.get("attn_scales"):
        raise UserError(f"the autoencoder's attn_scales is {config['attn_scales']}, not []: no Wan that we know")
    multiples, blocks, residual = config["dim_mult"], config["num_res_blocks"], _is_residual(config)
    halving = [1 + int(down) for down in config["temperal_downsample"]]
    decoder = config.get("decoder_base_dim")
    return AutoencoderConfig(
        latent_channels=config["z_dim"],
        patch=config.get("patch_size") or 1,
        widths=tuple(config["base_dim"] * multiple for multiple in multiples),
        decoder_widths=tuple(decoder * multiple for multiple in multiples) if decoder else None,
        strides=tuple((time, 2) for time in halving),
        encoder_blocks=(blocks,) * len(multiples),
        decoder_blocks=(blocks + 1,) * len(multiples),
        middle=True,
        upsample_halves=not residual,
        shortcuts=residual,
        straight=False,
    )


def autoencoder_weights(
    source: Mapping[str, Tensor], config: Mapping[str, Any], what: str = "the autoencoder"
) -> dict[str, Tensor]:
    """The state of our Autoencoder from that of diffusers' and the statistics of its configuration. Raises UserError, which
    begins with `what`, for foreign names."""
    table = {**COMMON, **(RESIDUAL if _is_residual(config) else _plain_encoder(config) | PLAIN)}
    mean, std = (torch.tensor(config[name]) for name in ("latents_mean", "latents_std"))
    statistics = {"latent_mean": mean, "latent_std": std, "latent_weight": torch.ones_like(mean)}
    return renamed(source, table, what) | statistics


def _is_residual(config: Mapping[str, Any]) -> bool:
    """Files of 2.1 are older than the word."""
    return bool(config.get("is_residual"))


def _gain(tensor: Tensor) -> Tensor:
    return tensor.flatten()


def _matrix(kernel: Tensor) -> Tensor:
    """A 1x1 kernel as a matrix."""
    return kernel.flatten(1)


_CONV = r"(weight|bias)"


def _residual(theirs: str, ours: str) -> dict[str, tuple[str, Reshape]]:
    """The rows of one residual block; `ours` holds the groups of `theirs`, and the block's own come after them."""
    groups = theirs.count("(")
    part, kind = rf"\{groups + 1}", rf"\{groups + 2}"
    return {
        rf"{theirs}\.(norm[12])\.gamma": (f"{ours}.{part}.gamma", _gain),
        rf"{theirs}\.(conv[12])\.{_CONV}": (f"{ours}.{part}.{kind}", as_it_is),
        rf"{theirs}\.conv_(shortcut)\.{_CONV}": (f"{ours}.{part}.{kind}", as_it_is),
    }


def _resample(theirs: str, ours: str) -> dict[str, tuple[str, Reshape]]:
    kind = rf"\{theirs.count('(') + 1}"
    return {
        rf"{theirs}\.resample\.1\.{_CONV}": (f"{ours}.resample.space.{kind}", as_it_is),
        rf"{theirs}\.time_conv\.{_CONV}": (f"{ours}.resample.time.{kind}", as_it_is),
    }


def _plain_encoder(config: Mapping[str, Any]) -> dict[str, tuple[str, Reshape]]:
    """2.1 numbers blocks and resampling of all stages in one row."""
    table: dict[str, tuple[str, Reshape]] = {}
    number, stages = 0, len(config["dim_mult"])
    for stage in range(stages):
        for block in range(config["num_res_blocks"]):
            table |= _residual(rf"encoder\.down_blocks\.{number}", f"encoder.stages.{stage}.blocks.{block}")
            number += 1
        if stage < stages - 1:
            table |= _resample(rf"encoder\.down_blocks\.{number}", f"encoder.stages.{stage}")
            number += 1
    return table


_SIDE = r"(encoder|decoder)"
COMMON: dict[str, tuple[str, Reshape]] = {
    rf"{_SIDE}\.conv_in\.{_CONV}": (r"\1.first.\2", as_it_is),
    rf"{_SIDE}\.conv_out\.{_CONV}": (r"\1.last.\2", as_it_is),
    rf"{_SIDE}\.norm_out\.gamma": (r"\1.norm.gamma", _gain),
    rf"quant_conv\.{_CONV}": (r"encoder.moments.\1", as_it_is),
    rf"post_quant_conv\.{_CONV}": (r"decoder.latents.\1", as_it_is),
    rf"{_SIDE}\.mid_block\.attentions\.0\.norm\.gamma": (r"\1.middle.1.norm.gamma", _gain),
    rf"{_SIDE}\.mid_block\.attentions\.0\.to_qkv\.weight": (r"\1.middle.1.qkv.weight", _matrix),
    rf"{_SIDE}\.mid_block\.attentions\.0\.to_qkv\.bias": (r"\1.middle.1.qkv.bias", as_it_is),
    rf"{_SIDE}\.mid_block\.attentions\.0\.proj\.weight": (r"\1.middle.1.out.weight", _matrix),
    rf"{_SIDE}\.mid_block\.attentions\.0\.proj\.bias": (r"\1.middle.1.out.bias", as_it_is),
    **_residual(rf"{_SIDE}\.mid_block\.resnets\.0", r"\1.middle.0"),
    **_residual(rf"{_SIDE}\.mid_block\.resnets\.1", r"\1.middle.2"),
    **_residual(r"decoder\.up_blocks\.(\d+)\.resnets\.(\d+)", r"decoder.stages.\1.blocks.\2"),
}
PLAIN = _resample(r"decoder\.up_blocks\.(\d+)\.upsamplers\.0", r"decoder.stages.\1")
RESIDUAL = {
    **_residual(r"encoder\.down_blocks\.(\d+)\.resnets\.(\d+)", r"encoder.stages.\1.blocks.\2"),
    **_resample(r"encoder\.down_blocks\.(\d+)\.downsampler", r"encoder.stages.\1"),
    **_resample(r"decoder\.up_blocks\.(\d+)\.upsampler", r"decoder.stages.\1"),
}
