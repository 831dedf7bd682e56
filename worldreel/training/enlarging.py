"""The enlarger's task: from the latents of a clip that was made smaller and as large again, those of the clip itself."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldreel.autoencoder import Autoencoder, Enlarger
from worldreel.checkpoints import load_into
from worldreel.config import Config
from worldreel.devices import autocast, compute_dtype
from worldreel.errors import UserError
from worldreel.media.sheet import save_sheet
from worldreel.models.model import ModelConfig, save_weights
from worldreel.perception.lpips import frames_of, load_lpips
from worldreel.training.latents import LatentPool, PoolConfig
from worldreel.training.optimizers import muon_and_adamw
from worldreel.training.task import Loss
from worldreel.worlds.render import to_frames

SHOWN = 10**9
"""Scenes drawn with this seed more are shown, never trained on."""


class EnlargingConfig(Config):
    model: ModelConfig
    """Of which the autoencoder and the enlarger are of use here."""
    autoencoder: Path
    """The trained `autoencoder.safetensors`."""
    start: Path | None = None
    """Weights to go on from (an `enlarger.safetensors`), with new optimizers and a new warm-up."""
    pool: PoolConfig
    """All of it is `coarse`."""
    cells: int = 8192
    """Latent cells in a batch, about."""
    seen: float = 0.0
    """Weight of the LPIPS between what is decoded of both."""
    seen_cells: int = 1024
    """Latent cells of a batch that are decoded for that, about."""
    muon_rate: float = 2e-3
    adamw_rate: float = 1e-3
    seed: int = 0


class Enlarging:
    """See `Task`. `network` is an `Enlarger`."""

    def __init__(self, config: EnlargingConfig, device: torch.device) -> None:
        torch.manual_seed(config.seed)
        if config.model.enlarger is None:
            raise UserError("task.model.enlarger: the model has none; say its shape, such as {}")
        self.config, self.device, self.dtype = config, device, compute_dtype(device)
        self.autoencoder = Autoencoder(config.model.autoencoder).to(device)
        load_into(self.autoencoder, config.autoencoder)
        self.autoencoder.eval().requires_grad_(False)
        self.network = Enlarger(config.model.enlarger).to(device)
        if config.start is not None:
            load_into(self.network, config.start)
        self.pool = LatentPool(config.pool, config.model, self.autoencoder, config.seed)
        few = config.pool.model_copy(update={"start": 4})
        self.shown = LatentPool(few, config.model, self.autoencoder, config.seed + SHOWN)

    def optimizers(self) -> list[torch.optim.Optimizer]:
        return muon_and_adamw(self.network, self.config.muon_rate, self.config.adamw_rate, inside="blocks")

    def loss(self, step: int) -> Loss:
        self.pool.refresh(step)
        rng = np.random.default_rng((self.config.seed, 1, step))
        canvas = int(rng.choice(len(self.pool.weights), p=self.pool.weights))
        cells = int(self.pool.tokens[canvas]) * 4
        small, large = self._pairs(self.pool, canvas, max(1, self.config.cells // cells), rng)
        with autocast(self.device, self.dtype):
            made = self.network(small)
        error = F.mse_loss(made.float(), large)
        parts = {"latents": error.item(), "resized": F.mse_loss(small, large).item()}
        if not self.config.seen:
            return Loss(error, parts)
        few = max(1, self.config.seen_cells // cells)
        apart = self._apart(made[:few], large[:few])
        return Loss(error + self.config.seen * apart, {**parts, "seen": apart.item()})

    def _pairs(self, pool: LatentPool, canvas: int, count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Latents [B, C, T, H, W] of scenes as they were resized, and as they are."""
        entries = [pool.entry(canvas, rng) for _ in range(count)]
        small = torch.stack([entry.latents if entry.before is None else entry.before for entry in entries])
        return small.float(), torch.stack([entry.latents for entry in entries]).float()

    def _apart(self, made: Tensor, large: Tensor) -> Tensor:
        with autocast(self.device, self.dtype):
            with torch.no_grad():
                wanted = self.autoencoder.decode(large)
            decoded = self.autoencoder.decode(made)
        distance: Tensor = load_lpips(self.device)(frames_of(decoded.float()), frames_of(wanted.float()))
        return distance.mean()

    @torch.inference_mode()
    def preview(self, network: nn.Module, folder: Path, step: int) -> None:
        """Clips as they were resized, enlarged, and as they are; the same ones every time."""
        self.shown.refresh(0)
        rows = []
        for entry in self.shown.entries:
            small, large = (
                part[None].float() for part in (entry.before if entry.before is not None else entry.latents, entry.latents)
            )
            with autocast(self.device, self.dtype):
                rows += [to_frames(self.autoencoder.decode(part)[0].float()) for part in (small, network(small), large)]
        save_sheet(folder / f"step-{step:08d}.png", rows)

    def export(self, network: nn.Module, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        save_weights(folder / "enlarger.safetensors", network)

    def state(self) -> dict[str, Tensor]:
        return self.pool.state()

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        self.pool.load_state(state)
