"""Wan of any size with random weights, written as its owners publish it; and how users of diffusers run it."""

import copy
from pathlib import Path

import diffusers
import torch
import transformers
from diffusers import AutoencoderKLWan, WanPipeline, WanTransformer3DModel
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from worldreel.models import Bundle, load_model

WORDS = ["<pad>", "</s>", "<unk>", "a", "cat", "walks", "on", "grass", "blur"]
PROMPT, NEGATIVE = "a cat walks on grass", "blur"
TEXT_WIDTH = 4096


def write(
    folder: Path, transformer: dict[str, int], codec: dict[str, object], dtype: torch.dtype = torch.float32, **told: object
) -> Path:
    """A repository with everything in it; its text encoder is a small one, as wide as the true one. `told`: what the pipeline is
    told beside its parts."""
    torch.manual_seed(0)
    text = transformers.UMT5Config(
        vocab_size=len(WORDS), d_model=TEXT_WIDTH, d_kv=4, d_ff=32, num_layers=1, num_heads=4, pad_token_id=0, eos_token_id=1
    )
    scheduler = diffusers.UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0, num_train_timesteps=1000
    )
    torch.set_default_dtype(dtype)  # a large one finds no room in another
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        network = WanTransformer3DModel(text_dim=TEXT_WIDTH, **transformer)
    torch.set_default_dtype(torch.float32)
    pipe = WanPipeline(
        tokenizer=_tokenizer(),
        text_encoder=transformers.UMT5EncoderModel(text),
        vae=AutoencoderKLWan(**codec),
        transformer=network.cpu(),
        scheduler=scheduler,
        **told,
    )
    pipe.save_pretrained(folder)
    return folder


def ours(folder: Path, device: torch.device, dtype: torch.dtype) -> Bundle:
    """As `worldreel.load` gives it, with products in `dtype` even where another is the device's best."""
    import worldreel.models.bundle
    import worldreel.models.wan.model

    for room in (worldreel.models.bundle, worldreel.models.wan.model):
        room.compute_dtype = lambda device: dtype  # type: ignore[attr-defined]
    return load_model(str(folder), device)


def transformer(folder: Path, device: torch.device, dtype: torch.dtype) -> WanTransformer3DModel:
    """As it comes: what is to stay in fp32 does."""
    return WanTransformer3DModel.from_pretrained(folder / "transformer", torch_dtype=dtype).to(device).requires_grad_(False)


def tuned(network: WanTransformer3DModel) -> WanTransformer3DModel:
    """Compiled by block, with the best attention that there is offline."""
    network = copy.deepcopy(network)
    network.compile_repeated_blocks(fullgraph=True, dynamic=False)
    if network.device.type == "cuda":
        network.set_attention_backend("_native_cudnn")
    return network


def codec(folder: Path, device: torch.device, dtype: torch.dtype) -> AutoencoderKLWan:
    return AutoencoderKLWan.from_pretrained(folder / "vae", torch_dtype=dtype).to(device).requires_grad_(False)


def tuned_codec(network: AutoencoderKLWan, dtype: torch.dtype, *, compiled: bool = True) -> AutoencoderKLWan:
    """In `dtype`, channels last, its decoder compiled."""
    network = copy.deepcopy(network).to(dtype)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv3d):
            module.to(memory_format=torch.channels_last_3d)
        elif isinstance(module, torch.nn.Conv2d):
            module.to(memory_format=torch.channels_last)
    if compiled:
        network.decoder = torch.compile(network.decoder, dynamic=False)
    return network


def _tokenizer() -> transformers.PreTrainedTokenizerFast:
    pieces = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>"))
    pieces.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    pieces.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=pieces, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=512
    )
