"""Prompts as Wan reads them: cleaned, in the pieces of UMT5 (Chung et al. 2023), through its encoder, kept on disk.

The encoder of the published weights is larger than some of their transformers, so it is in memory only while it reads.
"""

import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldreel.checkpoints import load_shards, load_tensors, save_tensors
from worldreel.errors import UserError
from worldreel.files import cache_folder
from worldreel.mapped import evict
from worldreel.models.wan.needs import build, needed
from worldreel.models.wan.repository import Repository
from worldreel.transformer.offload import Mapped

LONGEST = 512
"""Pieces of a text. Shorter ones are followed by zeros, which Wan attends to as well."""
SAMPLES, SAMPLE = 64, 4096


def cleaned(prompt: str) -> str:
    """Broken encodings repaired, HTML entities read (twice: some captions were escaped so), white space made single spaces."""
    fixed: str = needed("ftfy").fix_text(prompt)
    return " ".join(html.unescape(html.unescape(fixed)).split())


def encoder_weights(config: Mapping[str, object]) -> int:
    """How many weights UMT5's encoder has, by its `config.json`; a number that is missing is 0, which whoever builds it says."""
    words, width, layers = _numbers(config, "vocab_size", "d_model", "num_layers")
    return words * width + layers * encoder_block(config) + width


def encoder_block(config: Mapping[str, object]) -> int:
    """How many weights one of its blocks has."""
    names = "d_model", "d_kv", "d_ff", "num_heads", "relative_attention_num_buckets"
    width, head, wide, heads, buckets = _numbers(config, *names)
    attention, mlp, norms = 4 * width * heads * head + buckets * heads, 3 * width * wide, 2 * width
    return attention + mlp + norms


def _numbers(config: Mapping[str, object], *names: str) -> list[int]:
    return [value if isinstance(value := config.get(name), int) else 0 for name in names]


class Reader:
    """Text tokens of prompts. `beside`: where the encoder reads, if not on the device; `mapped`: whether its blocks stay in
    their file, on a CPU, until they read. Raises UserError for a tokenizer or an encoder that is damaged or another model's."""

    def __init__(
        self,
        repository: Repository,
        device: torch.device,
        dtype: torch.dtype,
        beside: torch.device | None = None,
        *,
        mapped: bool = False,
    ) -> None:
        from tokenizers import Tokenizer as Pieces

        self.repository, self.device, self.dtype, self.desk = repository, device, dtype, beside or device
        self.mapped = mapped and self.desk.type == "cpu"
        self.config, self.files = repository.config("text_encoder"), repository.weights("text_encoder")
        path = repository.path("tokenizer", "tokenizer.json")
        try:
            self.pieces = Pieces.from_buffer(path.read_bytes())
        except Exception as error:  # the library raises nothing narrower
            raise UserError(f"{path} is not a tokenizer ({error}); fetch the repository again") from error
        self.pieces.enable_truncation(LONGEST)
        self.pieces.no_padding()
        self.cache = cache_folder() / "text" / self._fingerprint()

    def read(self, prompts: Sequence[str]) -> list[Tensor]:
        """[512, D] of each, fp32: what the encoder says of it, then zeros."""
        wanted = [cleaned(prompt) for prompt in prompts]
        found = {text: self._kept(text) for text in set(wanted)}
        missing = [text for text, states in found.items() if states is None]
        made = dict(zip(missing, self._encoded(missing), strict=True)) if missing else {}
        for text, states in made.items():
            self._keep(text, states)
        known = {text: states for text, states in found.items() if states is not None} | made
        return [F.pad(known[text], (0, 0, 0, LONGEST - len(known[text]))).to(self.device) for text in wanted]

    @torch.inference_mode()
    def _encoded(self, texts: Sequence[str]) -> list[Tensor]:
        """[L, D] each, on the CPU."""
        encoder = self._encoder()
        ids = (torch.tensor([self.pieces.encode(text).ids], device=self.desk) for text in texts)
        return [encoder(one).last_hidden_state[0].float().cpu() for one in ids]

    @torch.inference_mode(False)  # its weights are changed between blocks
    def _encoder(self) -> nn.Module:
        transformers = needed("transformers")
        with torch.device("meta"):
            encoder = build(
                self.repository.path("text_encoder", "config.json"),
                lambda: transformers.UMT5EncoderModel(transformers.UMT5Config.from_dict(self.config)),
            )
        del encoder.shared  # the same table as the stack's own, under another name
        load_shards(encoder, self.files, _tied, self._stored, self.desk)
        if self.mapped:
            mover = Mapped(lambda name, tensor: self.dtype)
            for block in encoder.get_submodule("encoder.block").children():
                block.register_forward_pre_hook(lambda block, given: mover.fetch(block))
                block.register_forward_hook(lambda block, given, made: mover.drop(block))
        return encoder.eval().requires_grad_(False)

    def _stored(self, name: str, tensor: Tensor) -> Tensor:
        if not self.mapped:
            return tensor.to(self.dtype)
        kept = tensor if name.startswith("encoder.block.") else tensor.to(self.dtype)
        evict([tensor])
        return kept

    def _path(self, text: str) -> Path:
        return self.cache / f"{hashlib.sha256(text.encode()).hexdigest()}.safetensors"

    def _kept(self, text: str) -> Tensor | None:
        path = self._path(text)
        if not path.is_file():
            return None
        try:
            states = load_tensors(path)["states"].float()
        except (UserError, KeyError):
            return None  # damaged: it will be written anew
        return states if states.ndim == 2 and states.shape[1] == self.config.get("d_model") else None

    def _keep(self, text: str, states: Tensor) -> None:
        with suppress(OSError, UserError):  # a cache that cannot be written must not stop a generation
            self.cache.mkdir(parents=True, exist_ok=True)
            save_tensors(self._path(text), {"states": states})

    def _fingerprint(self) -> str:
        """Of everything that an embedding depends on. Of weights, samples: reading them whole takes longer than using them."""
        digest = hashlib.sha256(str(self.dtype).encode())
        digest.update(json.dumps(self.config, sort_keys=True).encode())
        digest.update(self.pieces.to_str().encode())
        for path in self.files:
            size = path.stat().st_size
            digest.update(f"{path.name} {size}".encode())
            with path.open("rb") as file_:
                for number in range(SAMPLES):
                    file_.seek(number * max(0, size - SAMPLE) // (SAMPLES - 1))
                    digest.update(file_.read(SAMPLE))
        return digest.hexdigest()[:32]


def _tied(tensors: Mapping[str, Tensor], what: str) -> dict[str, Tensor]:
    """The table of words has two names, either or both of them on disk."""
    return {"encoder.embed_tokens.weight" if name == "shared.weight" else name: one for name, one in tensors.items()}
