"""Encoding and decoding by chunks of frames and bands of rows: memory flat in duration and area, the result the same.

A band is computed with a halo of neighbouring rows as wide as the convolutions can see, which is then dropped: exact,
unlike tiles that overlap and blend.
"""

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from worldreel.autoencoder.layers import Memory
from worldreel.autoencoder.network import Autoencoder, AutoencoderConfig, _moments, channels_last
from worldreel.shapes import ceil_to


@torch.inference_mode()
def encode_stream(network: Autoencoder, chunks: Iterable[Tensor], band: int | None = None) -> Iterator[Tensor]:
    """Normalised latents of a clip given as chunks [B, 3, any T, H, W]; 4k + 1 frames in all. `band`: pixel rows at a time."""
    memory, bands = Memory(), _Bands(network.config, band, encoding=True)
    for chunk in _regrouped(chunks, network.config.compression.time):
        near = bands(network.encoder.down, channels_last(chunk))
        mean, _ = _moments(network.encoder.top(near, chunk, memory))
        yield network.normalised(mean)


@torch.inference_mode()
def decode_stream(network: Autoencoder, chunks: Iterable[Tensor], band: int | None = None) -> Iterator[Tensor]:
    """Video of normalised latents given as chunks [B, C, any T, H, W]. `band`: latent rows at a time."""
    memory, bands = Memory(), _Bands(network.config, band, encoding=False)
    starts = True
    for chunk in chunks:
        for frame in chunk.split(1, dim=2):
            latents = channels_last(network.raw(frame))
            near = network.decoder.top(latents, memory)
            yield network.decoder.finish(bands(network.decoder.up, near), latents, starts=starts)
            starts = False


def _regrouped(chunks: Iterable[Tensor], stride: int) -> Iterator[Tensor]:
    """The same frames as one frame, then groups of `stride`: what the strided layers can take whole."""
    waiting: Tensor | None = None
    wanted = 1
    for chunk in chunks:
        waiting = chunk if waiting is None else torch.cat([waiting, chunk], dim=2)
        while waiting.shape[2] >= wanted:
            yield waiting[:, :, :wanted]
            waiting, wanted = waiting[:, :, wanted:], stride
    if waiting is not None and waiting.shape[2]:
        raise ValueError(f"the clip must have {stride}k + 1 frames; {waiting.shape[2]} are left over")


class _Bands:
    """Runs a function of near pixels in bands of rows, each with a memory of its own."""

    def __init__(self, config: AutoencoderConfig, rows: int | None, *, encoding: bool) -> None:
        self.encoding = encoding
        self.scale = config.compression.space
        self.halo = halo(config, encoding=encoding)
        self.rows = ceil_to(rows, self.scale) if rows and encoding else rows
        self.memories: dict[int, Memory] = {}

    def __call__(self, function: Callable[[Tensor, Memory], Tensor], x: Tensor) -> Tensor:
        height = x.shape[3]
        rows = self.rows or height
        parts = [self._part(function, x, start, min(start + rows, height)) for start in range(0, height, rows)]
        return torch.cat(parts, dim=3)

    def _part(self, function: Callable[[Tensor, Memory], Tensor], x: Tensor, start: int, stop: int) -> Tensor:
        low, high = max(0, start - self.halo), min(x.shape[3], stop + self.halo)
        out = function(channels_last(x[:, :, :, low:high]), self.memories.setdefault(start, Memory()))
        first, last = start - low, stop - low
        if self.encoding:
            return out[:, :, :, first // self.scale : last // self.scale]
        return out[:, :, :, first * self.scale : last * self.scale]


def halo(config: AutoencoderConfig, *, encoding: bool) -> int:
    """How many rows beyond a band its result depends on: pixel rows of the encoder, latent rows of the decoder."""
    blocks = config.encoder_blocks if encoding else config.decoder_blocks
    if encoding:  # from the latents back to the pixels
        reach = 0
        for stage in reversed(range(len(config.widths))):
            if stage < len(config.strides):
                stride = config.strides[stage][1]
                reach = reach * stride + stride - 1  # a strided kernel sees its own rows and one below
            reach += 2 * blocks[stage]
        return ceil_to((reach + 1) * config.patch, config.compression.space)
    reach = 1  # from the pixels back to the latents
    for stage in range(len(config.widths)):
        reach += 2 * blocks[stage]
        if stage < len(config.strides):
            reach = -(-(reach + 1) // config.strides[stage][1])
    return reach
