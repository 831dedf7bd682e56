"""The network: an encoder to Gaussian latents and a decoder back, in one class for every codec.

Its configurations include the bundled codec, Wan 2.1 (`patch=1`, attention in the middle, upsampling that halves
channels) and Wan 2.2 (`patch=2`, attention in the middle, shortcuts past stages).
"""

from math import prod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from worldreel.autoencoder.layers import (
    AveragedDown,
    CausalConv3d,
    Downsample,
    FrameAttention,
    Memory,
    PixelNorm,
    RepeatedUp,
    ResidualBlock,
    Stage,
    Upsample,
    compiled,
)
from worldreel.autoencoder.straight import StraightPath
from worldreel.config import Config
from worldreel.shapes import Compression


class AutoencoderConfig(Config):
    """Shapes of the network. Stages are listed from fine to coarse, for the encoder and the decoder alike."""

    latent_channels: int = 16
    patch: int = 1
    """Side of the pixel squares folded into channels before the first convolution."""
    widths: tuple[int, ...]
    decoder_widths: tuple[int, ...] | None = None
    """Where the decoder's differ from the encoder's (Wan 2.2)."""
    strides: tuple[tuple[int, int], ...]
    """(time, space) strides between one stage and the next: 1 or 2 each."""
    encoder_blocks: tuple[int, ...]
    decoder_blocks: tuple[int, ...]
    middle: bool = False
    """Two blocks with attention between them at the coarsest stage, as Wan has."""
    upsample_halves: bool = False
    """Whether upsampling halves the channels (Wan 2.1) or keeps them (2.2)."""
    shortcuts: bool = True
    """Parameter-free shortcuts past whole stages (Wan 2.2): they make deep compression learn sooner."""
    straight: bool = True
    """A linear path from block to latent and back beside the network (Wan has none)."""

    @property
    def compression(self) -> Compression:
        return Compression(prod(time for time, _ in self.strides), self.patch * prod(space for _, space in self.strides))


class Posterior(NamedTuple):
    """A Gaussian for each latent value: mean and log variance, [B, C, T, H, W]."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, generator: torch.Generator) -> Tensor:
        noise = torch.randn(self.mean.shape, generator=generator).to(self.mean)
        return self.mean + noise * (0.5 * self.log_variance).exp()

    def divergence(self) -> Tensor:
        """Mean KL divergence from the standard normal, by latent value (Kingma and Welling 2014, appendix B)."""
        return 0.5 * (self.mean**2 + self.log_variance.exp() - 1 - self.log_variance).mean()


class Encoder(nn.Module):
    """Pixels [B, 3, T, H, W] to mean and log variance, stacked [B, 2 C, T', H', W']."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.patch = config.patch
        width = config.widths[0]
        self.first = CausalConv3d(3 * config.patch**2, width, 3)
        stages = []
        for stage, outputs in enumerate(config.widths):
            strides = config.strides[stage] if stage < len(config.strides) else None
            shortcut: nn.Module | None = None
            if config.shortcuts and (strides or width == outputs):
                shortcut = AveragedDown(width, outputs, *(strides or (1, 1)))
            blocks = _blocks(width, outputs, config.encoder_blocks[stage])
            stages.append(Stage(blocks, Downsample(outputs, *strides) if strides else None, shortcut))
            width = outputs
        self.stages = nn.ModuleList(stages)
        self.middle = _middle(width, config.middle)
        self.norm, self.last = PixelNorm(width), CausalConv3d(width, 2 * config.latent_channels, 3)
        self.moments = CausalConv3d(2 * config.latent_channels, 2 * config.latent_channels, 1)
        self.straight = StraightPath(config.compression, config.latent_channels) if config.straight else None
        if self.straight is not None:  # begin as the straight path, with little noise on the latents
            nn.init.zeros_(self.moments.weight)
            nn.init.constant_(_known(self.moments.bias)[config.latent_channels :], -4.0)

    def down(self, video: Tensor, memory: Memory | None = None) -> Tensor:
        """The part that looks only at near pixels, and so may run in bands of rows."""
        x = self.first(fold(video, self.patch), memory)
        return _run(self.stages, x, memory)

    def top(self, x: Tensor, video: Tensor, memory: Memory | None = None) -> Tensor:
        """The rest, from what `down` made of this video."""
        starts = memory is None or self not in memory
        if memory is not None:
            memory.keep(self, x, 0)
        x = _run(self.middle, x, memory)
        moments: Tensor = self.moments(self.last.after(self.norm, x, memory))
        if self.straight is None:
            return moments
        mean, log_variance = moments.chunk(2, dim=1)
        return torch.cat([mean + self.straight.down(video, starts=starts), log_variance], dim=1)

    def forward(self, video: Tensor, memory: Memory | None = None) -> Tensor:
        return self.top(self.down(video, memory), video, memory)


class Decoder(nn.Module):
    """Latents [B, C, T', H', W'] to pixels [B, 3, T, H, W]."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.patch = config.patch
        widths = config.decoder_widths or config.widths
        width = widths[-1]
        self.latents = CausalConv3d(config.latent_channels, config.latent_channels, 1)
        self.first = CausalConv3d(config.latent_channels, width, 3)
        self.middle = _middle(width, config.middle)
        stages = []
        for stage in reversed(range(len(widths))):
            outputs, inputs = widths[stage], width
            blocks = _blocks(inputs, outputs, config.decoder_blocks[stage])
            if stage == 0:
                stages.append(Stage(blocks, None, None))
                width = outputs
                break
            strides = config.strides[stage - 1]
            width = outputs // 2 if config.upsample_halves else outputs
            shortcut = RepeatedUp(inputs, width, *strides) if config.shortcuts else None
            stages.append(Stage(blocks, Upsample(outputs, width, *strides), shortcut))
        self.stages = nn.ModuleList(stages)
        self.norm, self.last = PixelNorm(width), CausalConv3d(width, 3 * config.patch**2, 3)
        self.straight = StraightPath(config.compression, config.latent_channels) if config.straight else None
        if self.straight is not None:
            nn.init.zeros_(self.last.weight)
            nn.init.zeros_(_known(self.last.bias))

    def top(self, latents: Tensor, memory: Memory | None = None) -> Tensor:
        return _run(self.middle, self.first(self.latents(latents), memory), memory)

    def up(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """The part that looks only at near pixels, and so may run in bands of rows. `finish` adds what is missing."""
        x = _run(self.stages, x, memory)
        return unfold(self.last.after(self.norm, x, memory), self.patch)

    def finish(self, video: Tensor, latents: Tensor, *, starts: bool) -> Tensor:
        """`starts`: whether the clip's first frame is here."""
        return video if self.straight is None else video + self.straight.up(latents, starts=starts)

    def forward(self, latents: Tensor) -> Tensor:
        return self.finish(self.up(self.top(latents)), latents, starts=True)


class Autoencoder(nn.Module):
    """Both halves, the statistics that bring latents to mean 0 and variance 1 by channel, and each channel's weight.

    Weights say how much of a picture a channel carries: a generator that sees all channels as equals spends itself on the
    finest grain. Ones, unless training weighed them (see `worldreel.training.autoencoding`).
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.decoder = Encoder(config), Decoder(config)
        self.register_buffer("latent_mean", torch.zeros(config.latent_channels))
        self.register_buffer("latent_std", torch.ones(config.latent_channels))
        self.register_buffer("latent_weight", torch.ones(config.latent_channels))
        for module in self.modules():
            if isinstance(module, nn.Conv3d):  # several times faster on CPUs, and what tensor cores want
                module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last_3d)

    def quicken(self) -> None:
        """From now on what lies between convolutions runs compiled, forwards and backwards."""
        for module in self.modules():
            if isinstance(module, CausalConv3d):
                module.activate = compiled()

    latent_mean: Tensor
    latent_std: Tensor
    latent_weight: Tensor

    def posterior(self, video: Tensor) -> Posterior:
        """Video [B, 3, 4k + 1, H, W] in [-1, 1] to the Gaussian of its latents, not normalised."""
        return Posterior(*_moments(self.encoder(channels_last(video))))

    def encode(self, video: Tensor) -> Tensor:
        """Video in [-1, 1] to normalised latents (the Gaussian's mean)."""
        return self.normalised(self.posterior(video).mean)

    def decode(self, latents: Tensor) -> Tensor:
        """Normalised latents to video; values may leave [-1, 1] a little."""
        video: Tensor = self.decoder(channels_last(self.raw(latents)))
        return video

    def normalised(self, raw: Tensor) -> Tensor:
        return (raw - _by_channel(self.latent_mean)) * _by_channel(self.latent_weight / self.latent_std)

    def raw(self, latents: Tensor) -> Tensor:
        return latents * _by_channel(self.latent_std / self.latent_weight) + _by_channel(self.latent_mean)


def fold(x: Tensor, patch: int) -> Tensor:
    """Space to depth: [B, C, T, H, W] -> [B, patch^2 C, T, H/patch, W/patch]."""
    batch, channels, frames, height, width = x.shape
    cells = x.reshape(batch, channels, frames, height // patch, patch, width // patch, patch)
    cells = cells.permute(0, 1, 6, 4, 2, 3, 5)
    return channels_last(cells.reshape(batch, channels * patch**2, frames, height // patch, width // patch))


def unfold(x: Tensor, patch: int) -> Tensor:
    """Depth to space, the inverse of `fold`."""
    batch, channels, frames, height, width = x.shape
    cells = x.reshape(batch, channels // patch**2, patch, patch, frames, height, width)
    cells = cells.permute(0, 1, 4, 5, 3, 6, 2)
    return cells.reshape(batch, channels // patch**2, frames, height * patch, width * patch)


def channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last_3d)


def _known(bias: Tensor | None) -> Tensor:
    assert bias is not None
    return bias


def _blocks(inputs: int, outputs: int, count: int) -> list[ResidualBlock]:
    return [ResidualBlock(inputs if number == 0 else outputs, outputs) for number in range(count)]


def _middle(width: int, wanted: bool) -> nn.ModuleList:
    return nn.ModuleList([ResidualBlock(width, width), FrameAttention(width), ResidualBlock(width, width)] if wanted else [])


def _run(layers: nn.ModuleList, x: Tensor, memory: Memory | None) -> Tensor:
    for layer in layers:
        x = layer(x, memory)
    return x


def _moments(stacked: Tensor) -> tuple[Tensor, Tensor]:
    mean, log_variance = stacked.float().chunk(2, dim=1)
    return mean, log_variance.clamp(-30, 20)


def _by_channel(statistics: Tensor) -> Tensor:
    return statistics[:, None, None, None]
