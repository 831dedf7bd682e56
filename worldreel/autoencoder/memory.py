"""What decoding takes of memory, from shapes alone. Tests hold it against counted bytes."""

from collections.abc import Iterator
from typing import NamedTuple

from worldreel.autoencoder.network import AutoencoderConfig
from worldreel.autoencoder.streaming import halo

PAST = 2
"""Frames that each causal convolution remembers."""


class _Layer(NamedTuple):
    """Values for each latent column of a row: what a layer keeps for the next frame, and the most it holds while it works."""

    kept: int
    held: int


def decoding_bytes(
    config: AutoencoderConfig, height: int, width: int, band: int | None, size: int, *, still: bool = False
) -> int:
    """The most that lies in memory at once beside the weights while latent frames [height, width] are decoded one by one, in
    bands of latent rows (None: whole). `size`: bytes of a value in convolutions; `still`: there is one frame only."""
    reach, step = halo(config, encoding=False), band or height
    rows = [min(height, start + step + reach) - max(0, start - reach) for start in range(0, height, step)]
    layers = list(_layers(config, still))
    kept = sum(layer.kept for layer in layers) * sum(rows)
    held = max(layer.held for layer in layers) * max(rows)
    space, frames = config.compression.space, config.compression.time
    frames = 1 if still and not config.straight else frames  # the straight path makes a whole group, and gives its last
    shown = 3 * frames * space**2 * height * 4  # of the frames before, and of bands that are done
    before = 0 if still and config.straight else shown
    done = size * shown // 4 if len(rows) > 1 else 0
    return width * (size * kept + before + max(size * held + done, 3 * size * shown // 4))


def _layers(config: AutoencoderConfig, still: bool) -> Iterator[_Layer]:
    """Every layer that decodes, from coarse to fine, after the first latent frame (which is one frame, and the only `still`)."""
    widths = config.decoder_widths or config.widths
    width, frames, area = widths[-1], 1, 1
    yield _Layer(PAST * config.latent_channels, 4 * width)
    if config.middle:
        yield from (_block(width, width, 1, 1) for _ in range(2))
    for stage in reversed(range(len(widths))):
        inputs, outputs = width, widths[stage]
        for number in range(config.decoder_blocks[stage]):
            layer = _block(inputs if number == 0 else outputs, outputs, frames, area)
            # A stage holds what came into it until it ends.
            yield layer if number == 0 else layer._replace(held=layer.held + inputs * frames * area)
        if stage == 0:
            pixels, joined = 3 * frames * config.patch**2, (frames + PAST) * outputs
            yield _Layer(PAST * outputs * area, area * (outputs * frames + pixels + max(joined, pixels)))
            return
        time, space = config.strides[stage - 1]
        time = 1 if still else time
        width = outputs // 2 if config.upsample_halves else outputs
        kept = (PAST + 1) * outputs * area if time == 2 else 0
        whole, stays = area * frames * inputs, area * frames * outputs
        doubled = area * frames * outputs * 4 if time == 2 else 0
        later = area * frames * time * outputs if time == 2 else 0
        frames, area = frames * time, area * space**2
        grown = later + area * frames * width * (2 if space == 2 else 1)
        added = 3 * area * frames * width if config.shortcuts else 0
        yield _Layer(kept, whole + max(stays + doubled, stays + grown, added))


def _block(inputs: int, outputs: int, frames: int, area: int) -> _Layer:
    """A residual block: what comes in; the same, activated, with its past before it; what a convolution gives, or what is
    remembered, while it is renewed."""
    joined = frames + PAST
    one = inputs * (frames + joined) + max(inputs * PAST, outputs * frames)
    two = inputs * frames + outputs * (joined + max(PAST, frames))
    return _Layer(PAST * (inputs + outputs) * area, area * max(one, two))
