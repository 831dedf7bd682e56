"""What a model's weights take of a device, counted without them."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from worldreel.models.bundle import BundleConfig
from worldreel.transformer import Transformer


class Weights(NamedTuple):
    """Bytes: of one block of a transformer, of which there are `blocks` in each of `transformers`; of what always stays; of a
    text encoder that is there only while it reads, and of its largest part. `mapped`: whether they may stay in their file."""

    block: int
    blocks: int
    transformers: int
    rest: int
    reader: int
    reader_part: int
    mapped: bool

    @property
    def all(self) -> int:
        """Of everything but the text encoder."""
        return self.rest + self.transformers * self.blocks * self.block

    def reader_fits(self, memory: int) -> bool:
        """Whether the text encoder may read on a device with so many bytes for tensors, blocks having left."""
        return self.rest + self.reader <= memory


def weights_of(config: BundleConfig, dtype: torch.dtype) -> Weights:
    """Exactly, where products are in `dtype`."""
    with torch.device("meta"):
        network = Transformer(config.transformer.model_copy(update={"blocks": 1}))
        others = config.others()
    whole, block = _bytes(network, config, dtype), _bytes(network.blocks[0], config, dtype)
    transformers = 2 if config.boundary else 1
    fixed = sum(_bytes(other, config, dtype) for other in others)
    rest = fixed + transformers * (whole - block)
    reader, part = (count * dtype.itemsize for count in (config.reader_weights, config.reader_part))
    return Weights(block, config.transformer.blocks, transformers, rest, reader, part, config.mapped)


def _bytes(network: nn.Module, config: BundleConfig, dtype: torch.dtype) -> int:
    def size(name: str, tensor: Tensor) -> int:
        return config.stored(name, tensor.ndim, dtype).itemsize if tensor.is_floating_point() else tensor.itemsize

    return sum(tensor.numel() * size(name, tensor) for name, tensor in network.state_dict().items())
