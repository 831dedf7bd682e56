"""Latents refined: the encoder's are a first guess, which descends from there to what the decoder gives back best.

An encoder answers at once for all videos; for one video better latents can be found (Marino et al. 2018; Campos et al. 2019). The
decoder stays as it is, and so does what latents mean.
"""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from worldreel.autoencoder.layers import Memory
from worldreel.autoencoder.network import Autoencoder, channels_last
from worldreel.autoencoder.streaming import encode_stream

STRETCH = 4
"""Latent frames that are refined together."""
RATE = 0.03
"""Of Adam's first step, in normalised latents: each channel moves as its weight in the picture says. It falls along a line."""


def refined_stream(network: Autoencoder, chunks: Iterable[Tensor], steps: int) -> Iterator[Tensor]:
    """As `encode_stream` gives them, after so many steps; whole frames at a time, so that memory grows with their area.

    Each stretch is refined for its own frames, once those before it are settled: the decoder is causal.
    """
    seen, memory, starts = list[Tensor](), Memory(), True
    waiting: list[Tensor] = []
    for latents in encode_stream(network, _noted(chunks, seen)):
        waiting.append(latents)
        if len(waiting) == STRETCH:
            yield _refined(network, waiting, seen, memory, starts, steps)
            starts = False
    if waiting:
        yield _refined(network, waiting, seen, memory, starts, steps)


def _noted(chunks: Iterable[Tensor], seen: list[Tensor]) -> Iterator[Tensor]:
    for chunk in chunks:
        seen.append(chunk)
        yield chunk


def _refined(network: Autoencoder, waiting: list[Tensor], seen: list[Tensor], memory: Memory, starts: bool, steps: int) -> Tensor:
    """Takes what waits and the frames that belong to it, and leaves in `memory` what the decoder remembers of them."""
    guess = torch.cat(waiting, dim=2)
    waiting.clear()
    count = guess.shape[2] * network.config.compression.time - (network.config.compression.time - 1) * starts
    frames = torch.cat(seen, dim=2)
    wanted = frames[:, :, :count]
    seen[:] = [frames[:, :, count:]]
    with torch.inference_mode(False), torch.enable_grad():
        wanted = wanted.clone()
        latents = guess.clone().float().requires_grad_()
        optimizer = torch.optim.Adam([latents], lr=RATE)
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = RATE * (1 - step / steps)
            made = _decoded(network, latents, memory.copy(), starts)
            (gradient,) = torch.autograd.grad((made.float() - wanted).square().mean(), [latents])
            latents.grad = gradient
            optimizer.step()
        with torch.no_grad():
            _decoded(network, latents, memory, starts)
            return latents.detach()


def _decoded(network: Autoencoder, latents: Tensor, memory: Memory, starts: bool) -> Tensor:
    raw = channels_last(network.raw(latents))
    return network.decoder.finish(network.decoder.up(network.decoder.top(raw, memory), memory), raw, starts=starts)
