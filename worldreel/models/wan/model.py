"""Wan's open weights as a model like any other: how they read, what they predict, and their rule for what is known."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from worldreel.autoencoder import Autoencoder
from worldreel.checkpoints import load_shards
from worldreel.devices import autocast, compiles, compute_dtype, overhead
from worldreel.errors import UserError
from worldreel.flow import HIGHEST_LEVEL, clean_from_velocity
from worldreel.layout import Layout
from worldreel.mapped import evict, give_back
from worldreel.models.bundle import Bundle, Expert
from worldreel.models.lowered import Extra, Lowered
from worldreel.models.lowering import picture
from worldreel.models.wan.autoencoder import autoencoder_weights
from worldreel.models.wan.config import PATCH, TRAINING_STEPS, WanConfig, load_config
from worldreel.models.wan.lora import check_lora, read_lora
from worldreel.models.wan.needs import check_needs
from worldreel.models.wan.repository import Repository
from worldreel.models.wan.text import Reader
from worldreel.models.wan.transformer import transformer_config, transformer_weights
from worldreel.models.wan.vision import Viewer
from worldreel.models.weights import weights_of
from worldreel.patches import to_tokens
from worldreel.prompting.canvas import Canvas
from worldreel.transformer import Transformer
from worldreel.transformer.kept import Kept
from worldreel.transformer.lora import adapt


class Wan(Bundle):
    """A Wan repository, 2.1 or 2.2. Matrices and kernels are in the dtype of products, all else is fp32."""

    config: WanConfig

    def __init__(self, config: WanConfig, reader: Reader, viewer: Viewer | None) -> None:
        """Networks on the meta device: `load_model` gives them their weights."""
        super().__init__()
        self.config, self.reader, self.viewer = config, reader, viewer
        with torch.device("meta"):
            self.autoencoder = Autoencoder(config.autoencoder)
            self.transformer = Transformer(config.transformer)
            self.late = Transformer(config.transformer) if config.boundary else None

    @property
    def transformers(self) -> list[Transformer]:
        return [self.transformer] if self.late is None else [self.transformer, self.late]

    def read(self, prompts: Sequence[str]) -> list[Tensor]:
        self.make_room()
        return self.reader.read(prompts)

    def denoise(
        self,
        tokens: Tensor,
        levels: Tensor,
        layout: Layout,
        texts: Sequence[Tensor],
        extra: Extra | None = None,
        kept: Kept | None = None,
    ) -> Tensor:
        """Wan predicts the velocity e - x_0, so that the clean tokens are x_t - t v."""
        told = self._told(levels)
        network = self.late if self.late is not None and self.expert(levels, layout) == "late" else self.transformer
        self.make_room(but=network)
        inputs = tokens if extra is None else beside(tokens, extra.channels)
        with autocast(self.device, self.dtype):
            velocity = network(inputs, told, layout, texts, None if extra is None else extra.image, kept)
        return clean_from_velocity(tokens, velocity, levels)

    def expert(self, levels: Tensor, layout: Layout, extra: Extra | None = None) -> Expert:
        return super().expert(self._told(levels), layout, extra)

    def _told(self, levels: Tensor) -> Tensor:
        if not self.config.whole_steps:
            return levels
        # In doubles, which not every device has: a product that is rounded up would be the next step's.
        steps = (levels.cpu().double().clamp(max=HIGHEST_LEVEL) * TRAINING_STEPS).floor() / TRAINING_STEPS
        return steps.to(levels.dtype).to(levels.device)

    def adapt(self, path: Path, strength: float = 1.0, *, merged: bool = True, expert: Expert | None = None) -> None:
        additions = read_lora(path)
        experts: dict[Expert, Transformer] = {"early": self.transformer}
        if self.late is not None:
            experts["late"] = self.late
        if expert is not None and expert not in experts:
            raise UserError(f"--lora {path}: {self.config.name} has one transformer for all levels; leave the expert out")
        chosen = {name: network for name, network in experts.items() if expert in (None, name)}
        wanted = {name: [one for one in additions if one.expert in (None, name)] for name in chosen}
        if not any(wanted.values()):
            raise UserError(f"{path} holds nothing for {self.config.name}: it was made for another Wan")
        for name, network in chosen.items():
            check_lora(path, network, wanted[name])
        for name, network in chosen.items():
            for layer, _, added in wanted[name]:
                adapt(network, layer, added, strength, merged=merged)
        self.adaptations += (" ".join([path.name, f"{strength:g}", *([expert] if expert else [])]),)

    def ruled(self, canvas: Canvas, lowered: Lowered) -> Lowered:
        """Weights that take what is known as channels make every token anew in the canvases that they were taught. In others
        known tokens are put back as well."""
        if not self.config.guided_by_channels:
            return lowered
        taught = canvas.kind in self.config.knows.canvases
        ceilings = torch.ones_like(lowered.ceilings) if taught else lowered.ceilings
        return replace(lowered, ceilings=ceilings, extra=self._extra(canvas, lowered))

    def _extra(self, canvas: Canvas, lowered: Lowered) -> Extra:
        """By latent cell: four values that say which frames are given, and the latents of a clip that is grey elsewhere."""
        (piece,) = lowered.pieces
        given = canvas.ceilings.max(axis=(1, 2)) == 0
        given = np.pad(given, (0, piece.shape.frames - len(given)), mode="edge")

        def frames() -> Iterator[Tensor]:
            for number, known in enumerate(given):
                shown = picture(canvas, piece, min(number, canvas.frames - 1)).to(self.device)
                yield shown if known else torch.zeros_like(shown)

        latents = torch.cat(list(self.encode_latents(frames(), piece.shape.height, piece.shape.width)), dim=2)[0]
        time = self.config.autoencoder.compression.time
        every = np.concatenate([given[:1].repeat(time), given[1:]])  # the first frame stands for four
        mask = torch.from_numpy(every).view(-1, time).T[:, :, None, None].expand(-1, -1, *latents.shape[2:]).to(latents)
        image = None
        if self.viewer is not None and given.any():
            image = self.viewer.look(canvas.pixels[min(int(given.argmax()), canvas.frames - 1)])
        return Extra(to_tokens(torch.cat([mask, latents]), PATCH), image)


def beside(tokens: Tensor, channels: Tensor) -> Tensor:
    """Tokens [N, C] with further channels [N, E], cell by cell of their patches: [N, C + E]."""
    cells = [values.unflatten(1, (PATCH**2, -1)) for values in (tokens, channels)]
    return torch.cat(cells, dim=2).flatten(1)


def load_model(folder: Path, device: torch.device, memory: int | None = None) -> Wan:
    """`memory`: bytes of the device that it may take (None: all). Raises UserError for a package, a part or a file that is
    missing, and for weights that are damaged or another model's."""
    check_needs()
    config, repository = load_config(folder), Repository.open(folder)
    dtype = compute_dtype(device)
    viewer = Viewer(repository, device, dtype) if config.transformer.image_width else None
    host = torch.device("cpu")
    try:
        read_beside = memory is not None and not weights_of(config, dtype).reader_fits(memory - overhead(device.type))
        reader = Reader(repository, device, dtype, host if read_beside else None, mapped=memory is not None)
        model = Wan(config, reader, viewer)
    except (RuntimeError, ArithmeticError) as error:
        raise UserError(f"{folder}: its configurations describe no network that can be built ({error})") from error
    _load_autoencoder(model.autoencoder, repository, device, config, dtype)
    parts = {"transformer": model.transformer, **({"transformer_2": model.late} if model.late is not None else {})}
    for part, network in parts.items():
        if memory is not None and device == host:
            _map_transformer(network, repository, part, config, dtype)
        else:
            _load_transformer(network, repository, part, device if memory is None else host, config, dtype)
    model.settle(device, memory)
    if memory is not None:
        give_back()
    if compiles(device):
        model.quicken()
    return model.eval().requires_grad_(False)


def _load_autoencoder(
    network: Autoencoder, repository: Repository, device: torch.device, config: WanConfig, dtype: torch.dtype
) -> None:
    def renamed(tensors: Mapping[str, Tensor], what: str) -> dict[str, Tensor]:
        return autoencoder_weights(tensors, repository.config("vae"), what)

    def stored(name: str, tensor: Tensor) -> Tensor:
        # Copies all of them: one window on the file would hold it in memory whole.
        form = torch.channels_last_3d if tensor.ndim == 5 else torch.contiguous_format
        return tensor.to(config.stored(name, tensor.ndim, dtype), copy=True, memory_format=form)

    load_shards(network, repository.weights("vae"), renamed, stored, device)


def _load_transformer(
    network: Transformer, repository: Repository, part: str, device: torch.device, config: WanConfig, dtype: torch.dtype
) -> None:
    def stored(name: str, tensor: Tensor) -> Tensor:
        return tensor.to(config.stored(name, tensor.ndim, dtype))

    _check_alike(network, repository, part)
    load_shards(network, repository.weights(part), _transformer_weights, stored, device)


def _map_transformer(network: Transformer, repository: Repository, part: str, config: WanConfig, dtype: torch.dtype) -> None:
    """Blocks stay in their file, in its format (see `offload.Mapped`)."""

    def stored(name: str, tensor: Tensor) -> Tensor:
        kept = tensor if name.startswith("blocks.") else tensor.to(config.stored(name, tensor.ndim, dtype))
        evict([tensor])
        return kept

    _check_alike(network, repository, part)
    load_shards(network, repository.weights(part), _transformer_weights, stored, torch.device("cpu"))


def _check_alike(network: Transformer, repository: Repository, part: str) -> None:
    if transformer_config(repository.config(part)) != network.config:
        raise UserError(f"{repository.path(part, 'config.json')} differs from that of transformer/; fetch the repository again")


def _transformer_weights(tensors: Mapping[str, Tensor], what: str) -> dict[str, Tensor]:
    """Some files hold a norm that no network has used."""
    return transformer_weights({name: one for name, one in tensors.items() if "norm_added_q" not in name}, what)
