import numpy as np
import pytest
import torch

from tests.training.small import SCHEDULE
from worldreel.autoencoder import Enlarger, EnlargerConfig
from worldreel.checkpoints import load_into
from worldreel.models.library import BUNDLED
from worldreel.recipes.tiny import tiny_model
from worldreel.training.enlarging import Enlarging, EnlargingConfig
from worldreel.training.latents import CanvasShare, PoolConfig
from worldreel.training.loop import Trainer

CANVASES = (CanvasShare(width=64, height=64, frames=5), CanvasShare(width=96, height=64, frames=1, weight=2))


@pytest.fixture(scope="module")
def config():
    """Latents of the bundled codec: those of a random one tell nothing of detail."""
    return EnlargingConfig(
        model=tiny_model().model_copy(update={"enlarger": EnlargerConfig(width=32, blocks=2)}),
        autoencoder=BUNDLED / "tiny/autoencoder.safetensors",
        pool=PoolConfig(canvases=CANVASES, coarse=1.0, start=250, size=250, refresh=0),
        cells=1000,
        seen_cells=64,
        muon_rate=1e-3,
        adamw_rate=1e-3,
    )


def unseen(config, network):
    """The error on scenes of another seed, and that of the resized clips themselves."""
    pool = config.pool.model_copy(update={"start": 60, "size": 60})
    task = Enlarging(config.model_copy(update={"seed": 7, "pool": pool}), torch.device("cpu"))
    task.network = network
    with torch.no_grad():
        parts = [task.loss(step).parts for step in range(20)]
    return tuple(float(np.mean([part[name] for part in parts])) for name in ("latents", "resized"))


def test_what_was_resized_comes_nearer_to_what_it_was(config, tmp_path):
    task = Enlarging(config, torch.device("cpu"))
    before = unseen(config, task.network)
    assert before[0] == pytest.approx(before[1]) and before[1] > 0
    folder = Trainer(task, SCHEDULE.model_copy(update={"steps": 150}), tmp_path / "run").train()
    made = Enlarger(config.model.enlarger)
    load_into(made, folder / "enlarger.safetensors")
    after = unseen(config, made)
    assert after[1] == before[1] and after[0] < 0.98 * before[0]


def test_what_is_seen_counts_too(config):
    few = config.model_copy(update={"pool": config.pool.model_copy(update={"start": 20, "size": 20})})
    loss, seeing = (Enlarging(few.model_copy(update={"seen": seen}), torch.device("cpu")).loss(0) for seen in (0.0, 0.5))
    assert seeing.parts["seen"] > 0
    assert float(seeing.total.detach()) == pytest.approx(float(loss.total.detach()) + 0.5 * seeing.parts["seen"], rel=1e-5)
    seeing.total.backward()
