"""Small trainings of both networks, also as a process that can be killed: `python -m tests.training.small KIND FOLDER MOMENT`."""

import os
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import save_file

from worldreel.autoencoder import Autoencoder, AutoencoderConfig
from worldreel.checkpoints import save_tensors
from worldreel.data.mixture import MixtureConfig
from worldreel.models import Defaults, Knows, ModelConfig
from worldreel.models.library import BUNDLED
from worldreel.text.encoder import TextEncoderConfig
from worldreel.text.table import load_table
from worldreel.training import run as run_room
from worldreel.training.autoencoding import AutoencodingConfig
from worldreel.training.filling import FillingConfig
from worldreel.training.latents import CanvasShare, PoolConfig
from worldreel.training.loop import Schedule, Trainer
from worldreel.training.runs import AutoencoderRun, Run, TransformerRun
from worldreel.transformer import TransformerConfig

STEPS, EVERY = 8, 3
"""Checkpoints come after steps 3 and 6."""

SCHEDULE = Schedule(steps=STEPS, warmup=2, ema=0.9, log_every=1, preview_every=100, checkpoint_every=EVERY)
NETWORK = AutoencoderConfig(
    latent_channels=4, patch=4, widths=(8, 16, 16), strides=((2, 2), (2, 1)), encoder_blocks=(1, 1, 1), decoder_blocks=(1, 1, 1)
)
CANVASES = (
    CanvasShare(width=32, height=16, frames=5, fps=(8, 12)),
    CanvasShare(width=16, height=32, frames=9),
    CanvasShare(width=16, height=16, frames=1),
    CanvasShare(width=16, height=32, frames=13, cut=True),
)


def word_table() -> Path:
    return BUNDLED / "tiny/text.safetensors"


def tokenizer() -> Path:
    return BUNDLED / "tiny/tokenizer.json"


def model_config() -> ModelConfig:
    vocabulary, static_width = load_table(word_table()).shape
    text = TextEncoderConfig(vocabulary=vocabulary, static_width=static_width, width=16, layers=1, heads=2)
    return ModelConfig(
        name="small",
        autoencoder=NETWORK,
        text=text,
        transformer=TransformerConfig(channels=16, text_width=16, width=24, blocks=2, heads=2, mlp_width=32),
        defaults=Defaults(width=16, height=16),
        knows=Knows(summary="Nothing."),
    )


def autoencoder_run() -> AutoencoderRun:
    data = MixtureConfig(pixels=3000, shapes=((1, 32, 32), (5, 16, 24), (9, 16, 16)), sides=(36,))
    return AutoencoderRun(task=AutoencodingConfig(network=NETWORK, data=data), schedule=SCHEDULE)


def transformer_run(folder: Path) -> TransformerRun:
    """`folder` gets a random autoencoder. The pool is full, and its oldest scenes are replaced, before the first checkpoint."""
    path = folder / "autoencoder.safetensors"
    if not path.exists():
        torch.manual_seed(1)
        save_tensors(path, Autoencoder(NETWORK).state_dict())
    task = FillingConfig(
        model=model_config(),
        autoencoder=path,
        table=word_table(),
        tokenizer=tokenizer(),
        pool=PoolConfig(canvases=CANVASES, start=6, size=9, refresh=2),
        tokens=64,
        given=0.5,
    )
    return TransformerRun(task=task, schedule=SCHEDULE)


def make_run(kind: str, folder: Path) -> Run:
    return autoencoder_run() if kind == "autoencoder" else transformer_run(folder)


def trainer(kind: str, out: Path) -> Trainer:
    run = make_run(kind, out.parent)
    return Trainer(run.make_task(torch.device("cpu")), run.schedule, out)


def hang() -> None:
    """Says so, and waits for the kill; if nobody comes, it goes no further."""
    print("hanging", flush=True)
    time.sleep(600)
    os._exit(1)


def hang_in_step(row: dict[str, float]) -> None:
    if row["step"] == EVERY + 2:
        hang()


def hang_while_saving(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """The second checkpoint stops in the middle of a file."""
    save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, path)
    if path.parent.name.startswith(f".step-{2 * EVERY:08d}") and path.stem == "optimizer":
        path.write_bytes(path.read_bytes()[:1000])
        hang()


def main(kind: str, out: Path, moment: str) -> None:
    child = trainer(kind, out)
    if moment == "saving":
        run_room.save_tensors = hang_while_saving
    else:
        child.watch = hang_in_step
    child.train()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
