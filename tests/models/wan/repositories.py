"""Small Wan repositories with random weights, of each published shape, and the pipelines of diffusers that they came from."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import diffusers
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from tests.weights import randomise

WORDS = ["<pad>", "</s>", "<unk>", "a", "dog", "cat", "walks", "runs", "slowly", "blur", "&", "<"]
STATISTICS = {"latents_mean": [0.1 * n for n in range(4)], "latents_std": [1 + 0.05 * n for n in range(4)]}
CODEC_21 = {"base_dim": 8, "z_dim": 4, **STATISTICS}
CODEC_22 = {
    "base_dim": 8,
    "decoder_base_dim": 12,
    "z_dim": 48,
    "is_residual": True,
    "in_channels": 12,
    "out_channels": 12,
    "patch_size": 2,
    "scale_factor_spatial": 16,
    "latents_mean": [0.1 * n for n in range(48)],
    "latents_std": [1 + 0.05 * n for n in range(48)],
}
TEXT_WIDTH, IMAGE_WIDTH, WIDTH = 16, 12, 48


class Family(NamedTuple):
    """What its transformers take and give, its codec, and what its pipeline is told."""

    channels: tuple[int, int]
    codec: dict[str, object] = CODEC_21
    told: Mapping[str, object] = MappingProxyType({})
    image: bool = False
    """Whether it takes an image."""
    clip: bool = False
    side: int = 16
    guidance: tuple[float, ...] = (5.0,)


FAMILIES = {
    "2.1 text": Family((4, 4)),
    "2.1 image": Family((12, 4), image=True, clip=True),
    "2.2 A14B text": Family((4, 4), told={"boundary_ratio": 0.875}, guidance=(4.0, 3.0)),
    "2.2 A14B image": Family((12, 4), told={"boundary_ratio": 0.9}, image=True, guidance=(3.5,)),
    "2.2 5B": Family((48, 48), CODEC_22, {"expand_timesteps": True}, side=32),
    "2.2 5B image": Family((48, 48), CODEC_22, {"expand_timesteps": True}, image=True, side=32),
}
SCHEDULERS = {
    "euler": lambda: diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
    "unipc": lambda: diffusers.UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=5.0, num_train_timesteps=1000
    ),
}


def pipeline(name: str, scheduler: str = "euler"):
    """A pipeline of diffusers in memory. No branch of its networks begins at zero."""
    family = FAMILIES[name]
    parts = {
        "tokenizer": tokenizer(),
        "text_encoder": randomise(transformers.UMT5EncoderModel(text_config())),
        "vae": randomise(diffusers.AutoencoderKLWan(**family.codec)),
        "scheduler": SCHEDULERS[scheduler](),
        "transformer": transformer(family, seed=1),
        "transformer_2": transformer(family, seed=2) if "boundary_ratio" in family.told else None,
    }
    kind = diffusers.WanImageToVideoPipeline if family.image else diffusers.WanPipeline
    if family.clip:
        parts["image_encoder"] = randomise_but_places(transformers.CLIPVisionModel(vision_config()))
        side = {"height": 28, "width": 28}
        parts["image_processor"] = transformers.CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size=side)
    made = kind(**parts, **family.told)
    made.set_progress_bar_config(disable=True)
    return made


def save(made, folder: Path) -> Path:
    """As a repository; the weights of the transformers lie in several files, as large ones do."""
    made.save_pretrained(folder, max_shard_size="60KB")
    return folder


def transformer(family: Family, seed: int):
    ins, outs = family.channels
    image = {"image_dim": IMAGE_WIDTH, "added_kv_proj_dim": WIDTH} if family.clip else {}
    made = diffusers.WanTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=24,
        in_channels=ins,
        out_channels=outs,
        ffn_dim=64,
        num_layers=2,
        text_dim=TEXT_WIDTH,
        **image,
    )
    return randomise_but_places(made, seed)


def randomise_but_places(module, seed: int = 0):
    """Buffers of positions are no weights."""
    kept = {name: buffer.clone() for name, buffer in module.named_buffers()}
    with torch.no_grad():
        for buffer in module.buffers():
            buffer.data = buffer.data.float()
        randomise(module, seed)
        for name, buffer in module.named_buffers():
            buffer.data = kept[name]
    return module


def text_config():
    return transformers.UMT5Config(
        vocab_size=len(WORDS), d_model=TEXT_WIDTH, d_kv=4, d_ff=32, num_layers=2, num_heads=4, pad_token_id=0, eos_token_id=1
    )


def vision_config():
    return transformers.CLIPVisionConfig(
        hidden_size=IMAGE_WIDTH,
        intermediate_size=24,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=28,
        patch_size=14,
        hidden_act="gelu",
    )


def tokenizer():
    """Words for pieces; like UMT5's, it ends each text."""
    pieces = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>"))
    pieces.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    pieces.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=pieces, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=512
    )
