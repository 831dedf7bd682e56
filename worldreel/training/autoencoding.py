"""The autoencoder's task: give back what it saw, through latents close to a standard normal."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from worldreel.autoencoder import Autoencoder, AutoencoderConfig
from worldreel.checkpoints import load_into
from worldreel.config import Config
from worldreel.data.mixture import Batch, Mixture, MixtureConfig
from worldreel.devices import autocast, compute_dtype
from worldreel.media.sheet import save_sheet
from worldreel.models.model import save_weights
from worldreel.training.optimizers import muon_and_adamw
from worldreel.training.task import Loss
from worldreel.worlds.render import to_frames

PREVIEWS = 10**9
"""Batch numbers from here on are shown, never trained on."""


class AutoencodingConfig(Config):
    network: AutoencoderConfig
    data: MixtureConfig
    start: Path | None = None
    """Weights to go on from (an `autoencoder.safetensors`), with new optimizers and a new warm-up."""
    muon_rate: float = 1.5e-3
    adamw_rate: float = 1e-3
    absolute: float = 1.0
    """Weight of the absolute error."""
    squared: float = 15.0
    """Weight of the squared error."""
    decibels: float = 0.0
    """Weight of the logarithm of each clip's squared error, what PSNR averages: easy clips count as much as hard ones."""
    subject: float = 6.0
    """Extra weight of pixels that a subject covers: backgrounds are most of a scene, and easy."""
    divergence: float = 1e-3
    """Weight of the KL divergence by latent value: how close latents come to a standard normal."""
    encoder: bool = True
    """Whether the encoder learns: a decoder may go on alone, and latents that transformers were taught stay as they are."""
    normalisation: bool = True
    """Whether the latents' mean, deviation and weight by channel are measured anew. Not, where a transformer that was taught them
    is to go on with what both ends come to."""
    compiled: bool = False
    """Whether what lies between convolutions runs as compiled kernels: twice as fast, and wants a C++ compiler (CPU) or Triton
    (CUDA)."""
    seed: int = 0


class Autoencoding:
    """See `Task`."""

    def __init__(self, config: AutoencodingConfig, device: torch.device) -> None:
        torch.manual_seed(config.seed)
        self.config, self.device = config, device
        self.network = Autoencoder(config.network).to(device)
        if config.start is not None:
            load_into(self.network, config.start)
        if not config.encoder:
            self.network.encoder.requires_grad_(False)
        if config.compiled:
            self.network.quicken()
        self.data = Mixture(config.data, config.seed, device)
        self.dtype = compute_dtype(device)

    @property
    def _normalises(self) -> bool:
        return self.config.encoder and self.config.normalisation

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Muon for every kernel, AdamW for gains and biases."""
        return muon_and_adamw(self.network, self.config.muon_rate, self.config.adamw_rate, inside="coder")

    def loss(self, step: int) -> Loss:
        if step == 0 and self.config.start is None:
            self._fit_straight_path()
        batch = self.data.batch(step)
        video, cover = batch.video, batch.cover
        noise = torch.Generator().manual_seed(self.config.seed * 1_000_003 + step)
        with autocast(self.device, self.dtype):
            posterior = self.network.posterior(video)
            decoded = self.network.decoder(posterior.sample(noise))
        if self._normalises:
            self._follow_statistics(posterior.mean)
        error = decoded.float() - video
        weight = 1 + self.config.subject * cover
        divergence = posterior.divergence()
        total = self._distance(error, weight) + self.config.divergence * divergence
        with torch.no_grad():
            psnr = (10 * torch.log10(4 / (error**2).mean(dim=(1, 2, 3, 4)).clamp(min=1e-8))).mean()
        return Loss(total, {"psnr": psnr.item(), "divergence": divergence.item()})

    def _distance(self, error: Tensor, weight: Tensor) -> Tensor:
        """One number for errors [B, 3, T, H, W], where weights [B, 1, T, H, W] say how much a pixel counts."""
        by_clip = (weight * error**2).mean(dim=(1, 2, 3, 4)) / weight.mean(dim=(1, 2, 3, 4))
        return (
            self.config.absolute * (weight * error.abs()).mean()
            + self.config.squared * (weight * error**2).mean()
            + self.config.decibels * (by_clip + 1e-5).log().mean()
        )

    def _fit_straight_path(self, batches: int = 80, blocks: int = 600) -> None:
        """Principal components of blocks of the training data, for both ends of the straight path."""
        encoding, decoding = self.network.encoder.straight, self.network.decoder.straight
        if encoding is None or decoding is None:
            return
        rng = torch.Generator().manual_seed(self.config.seed)
        kept = []
        for number in range(batches):
            found = encoding.blocks(self.data.batch(PREVIEWS // 2 + number).video, starts=True).flatten(0, 3)
            kept.append(found[torch.randint(len(found), (blocks,), generator=rng).to(self.device)])
        encoding.fit(torch.cat(kept))
        decoding.load_state_dict(encoding.state_dict())

    @torch.no_grad()
    def _follow_statistics(self, mean: Tensor) -> None:
        """Keeps the latents' mean and standard deviation by channel, for those who want them normalised."""
        self.network.latent_mean.lerp_(mean.mean(dim=(0, 2, 3, 4)), 0.01)
        self.network.latent_std.lerp_(mean.std(dim=(0, 2, 3, 4)), 0.01)

    @torch.inference_mode()
    def preview(self, network: nn.Module, folder: Path, step: int) -> None:
        """Clips, each above its reconstruction; the same ones every time."""
        assert isinstance(network, Autoencoder)
        rows = []
        for number in range(6):
            batch = self.data.batch(PREVIEWS + number)
            rows += self._pair(network, batch)
        save_sheet(folder / f"step-{step:08d}.png", rows)

    def _pair(self, network: Autoencoder, batch: Batch) -> list[np.ndarray]:
        video = batch.video[:1]
        with autocast(self.device, self.dtype):
            decoded = network.decode(network.encode(video))
        return [to_frames(video[0]), to_frames(decoded[0])]

    def export(self, network: nn.Module, folder: Path) -> None:
        assert isinstance(network, Autoencoder)
        if self._normalises:
            self.weigh(network)
        folder.mkdir(exist_ok=True)
        save_weights(folder / "autoencoder.safetensors", network)

    @torch.inference_mode()
    def weigh(self, network: Autoencoder, batches: int = 8, power: float = 0.75) -> None:
        """Sets the weight of each latent channel from the error that a small change of it makes in the picture.

        A channel's weight is that squared error to the power of `power / 2`: at 1 a generator's errors would count as errors of
        pixels do, at 0 all channels are equals, of which the principal components of small blocks are far: the first counts 200
        times the last. The mean square of weighted latents is 1.
        """
        noise = torch.Generator().manual_seed(self.config.seed)
        errors = torch.zeros(batches, self.config.network.latent_channels)
        network.latent_weight.fill_(1)
        for number in range(batches):
            with autocast(self.device, self.dtype):
                latents = network.encode(self.data.batch(PREVIEWS // 3 + number).video[:2])
                decoded = network.decode(latents).float()
                for channel in range(latents.shape[1]):
                    changed = latents.clone()
                    changed[:, channel] += 0.1 * torch.randn(changed[:, channel].shape, generator=noise).to(changed)
                    errors[number, channel] = (network.decode(changed).float() - decoded).square().mean().cpu()
        weight = errors.mean(dim=0) ** (power / 2)
        network.latent_weight.copy_(weight / weight.square().mean().sqrt())

    def state(self) -> dict[str, Tensor]:
        return {}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        pass
