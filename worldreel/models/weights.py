"""What a model's weights take of a device, counted without them."""

from typing import NamedTuple

import torch
from torch import nn

from worldreel.models.bundle import BundleConfig
from worldreel.transformer import Transformer


class Weights(NamedTuple):
    """Bytes: of one block of a transformer, of which there are `blocks` in each of `transformers`; of what always stays; of a
    text encoder that is there only while it reads."""

    block: int
    blocks: int
    transformers: int
    rest: int
    reader: int

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
    fixed = sum(tensor.nbytes for other in others for tensor in other.state_dict().values())
    rest = fixed + transformers * (whole - block)
    return Weights(block, config.transformer.blocks, transformers, rest, config.reader_weights * dtype.itemsize)


def _bytes(network: nn.Module, config: BundleConfig, dtype: torch.dtype) -> int:
    weights = network.state_dict()
    return sum(tensor.numel() * config.stored(name, tensor.ndim, dtype).itemsize for name, tensor in weights.items())
