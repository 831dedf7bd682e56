"""What choices of the recipe `tiny` are worth: each changed by itself, taught from nothing for an equal time on the same scenes.

Run: python -m benchmarks.ablation [--minutes 8] [--scenes 100] [--only NAME ...] [--json]. Small stills and clips of one subject.
Three figures each, after so many minutes of steps (drawing the first scenes not counted): the loss on scenes that none was shown,
the same on what follows a given frame, and how many of the stills that are asked for show their subject, to the judge.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import torch
from torch import nn

from worldreel.devices import autocast, describe, pick_device
from worldreel.evaluation.judging import Asked, score
from worldreel.evaluation.prompting.source import make
from worldreel.flow import noised, velocity_loss
from worldreel.patches import Segment, pack, to_tokens
from worldreel.recipes.tiny import tiny_transformer
from worldreel.training.filling import Filling, FillingConfig
from worldreel.training.latents import CanvasShare, Entry, LatentPool, PoolConfig
from worldreel.training.loop import Schedule, Trainer
from worldreel.training.optimizers import adamw
from worldreel.worlds.captions import short_caption
from worldreel.worlds.judge import Judge
from worldreel.worlds.scenes import Canvas, random_scene
from worldreel.worlds.world import SpritesMix

CANVASES = (CanvasShare(width=64, height=64, frames=1, weight=12), CanvasShare(width=64, height=64, frames=13, weight=3))
LEVELS = (0.2, 0.4, 0.6, 0.8, 0.95)
UNSEEN = 70_001
"""Seed of the scenes that none was shown."""


@dataclass(frozen=True)
class Choice:
    """What differs from the recipe. `patch`: latents on a side of a token; `velocity`: whether velocities are predicted, and not
    clean tokens; `muon`: whether matrices learn by it, and not by AdamW as all else does."""

    width: int = 256
    patch: int = 2
    velocity: bool = False
    muon: bool = True
    rate: float = 1e-3
    """AdamW's."""


CHOICES = {
    "the recipe": Choice(),
    "velocities predicted": Choice(velocity=True),
    "AdamW alone, 1e-3": Choice(muon=False),
    "AdamW alone, 3e-3": Choice(muon=False, rate=3e-3),
    "tokens of 8x8 pixels": Choice(patch=1),
    "width 192": Choice(width=192),
    "width 384": Choice(width=384),
}


class Ablated(Filling):
    def __init__(self, config: FillingConfig, device: torch.device, choice: Choice) -> None:
        super().__init__(config, device)
        self.choice = choice

    def optimizers(self) -> list[torch.optim.Optimizer]:
        if self.choice.muon:
            return super().optimizers()
        return [adamw((one for one in self.network.parameters() if one.requires_grad), self.choice.rate)]

    def preview(self, network: nn.Module, folder: Path, step: int) -> None:
        """None: it would take longer than the training."""

    def export(self, network: nn.Module, folder: Path) -> None:
        """Nothing is kept, but from now on the averaged weights are the model's."""
        self.model.text, self.model.transformer = network["text"], network["transformer"]
        self.model.eval()


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    made.add_argument("--minutes", type=float, default=8)
    made.add_argument("--tokens", type=int, default=2048, help="in a pack")
    made.add_argument("--start", type=int, default=3000, help="scenes before the first step")
    made.add_argument("--scenes", type=int, default=100, help="that are asked for")
    made.add_argument("--only", nargs="+", choices=CHOICES, default=list(CHOICES))
    made.add_argument("--json", action="store_true")
    asked = made.parse_args()
    device = pick_device()
    print(f"{describe(device)}, {asked.minutes:g} minutes each, torch {torch.__version__}", flush=True)
    for name in asked.only:
        row = measured(CHOICES[name], device, asked)
        print(json.dumps({"choice": name, **row}) if asked.json else f"{name:<24}{words(row)}", flush=True)


def measured(choice: Choice, device: torch.device, asked: argparse.Namespace) -> dict[str, float]:
    task = Ablated(config(choice, asked.tokens, asked.start), device, choice)
    schedule = Schedule(steps=10**9, warmup=50, ema=0.995, timed=True, preview_every=10**9, checkpoint_every=10**9)
    task.pool.refresh(0)
    with TemporaryDirectory() as folder:
        trainer = Trainer(task, schedule, Path(folder))
        trainer.train(time_limit=60 * asked.minutes)
    parameters = sum(one.numel() for one in task.model.transformer.parameters())
    return {"steps": trainer.step, "parameters": parameters} | unseen_losses(task) | subjects(task, asked.scenes)


def words(row: dict[str, float]) -> str:
    levels = "  ".join(f"{level:g}: {row[f'at {level}']:.3f}" for level in LEVELS)
    parts = f"{row['parameters'] / 1e6:.1f}M parameters  {row['steps']:.0f} steps  loss {row['loss']:.4f} ({levels})"
    return f"{parts}  what follows {row['follows']:.4f}  subjects {100 * row['subjects']:.0f} %"


def config(choice: Choice, tokens: int, start: int) -> FillingConfig:
    task = tiny_transformer().task
    model = task.model
    transformer = model.transformer.model_copy(
        update={
            "width": choice.width,
            "heads": choice.width // 64,
            "mlp_width": 3 * choice.width,
            "channels": choice.patch**2 * model.autoencoder.latent_channels,
        }
    )
    predicts = "velocity" if choice.velocity else "clean"
    model = model.model_copy(update={"transformer": transformer, "patch": choice.patch, "predicts": predicts})
    # As many pixels in a pack, however many tokens show them.
    tokens = tokens * 4 // choice.patch**2
    update = {"model": model, "expert": None, "pool": pool(start), "tokens": tokens, "boards": 0.0, "drill": None, "graded": 0.0}
    return task.model_copy(update=update)


def pool(start: int, refresh: int = 2) -> PoolConfig:
    return PoolConfig(canvases=CANVASES, start=start, size=16_000, refresh=refresh, sprites=SpritesMix(alone=1.0), kept=False)


def unseen_losses(task: Filling, count: int = 256) -> dict[str, float]:
    """The velocity's mean squared error on scenes that none was shown: at each level and in the mean, and in the mean of what
    follows a given first frame."""
    scenes = LatentPool(pool(count, 0), task.config.model, task.model.autoencoder, UNSEEN)
    scenes.refresh(0)
    clips = [entry for entry in scenes.entries if entry.runs[0].frames > 1]
    found = {f"at {level}": unseen_loss(task, scenes.entries, level) for level in LEVELS}
    follows = [unseen_loss(task, clips, level, given=1) for level in LEVELS]
    return {"loss": fmean(found.values()), "follows": fmean(follows), **found}


@torch.inference_mode()
def unseen_loss(task: Filling, entries: Sequence[Entry], level: float, given: int = 0, together: int = 16) -> float:
    """At one level, with so many latent frames given."""
    noise, losses = torch.Generator().manual_seed(UNSEEN), []
    for start in range(0, len(entries), together):
        some = entries[start : start + together]
        cleans = [to_tokens(entry.latents.float(), task.config.model.patch) for entry in some]
        layout = pack([Segment(one.runs, ((len(clean), n),)) for n, (one, clean) in enumerate(zip(some, cleans, strict=True))])
        levels = torch.cat([torch.full((len(clean),), level) for clean in cleans])
        for one, part in zip(some, levels.split([len(clean) for clean in cleans]), strict=True):
            part[: given * one.runs[0].tokens // one.runs[0].frames] = 0.0
        clean, levels = torch.cat(cleans), levels.to(task.device)
        noisy = noised(clean, torch.randn(clean.shape, generator=noise).to(clean), levels)
        with autocast(task.device, task.dtype):
            texts = task.model.text([task.model.tokenizer.encode(short_caption(one.scene)) for one in some])
            predicted = task.model.predicted(noisy, levels, layout.to(task.device), texts)
        losses.append(float(velocity_loss(predicted, clean, levels)))
    return fmean(losses)


def subjects(task: Filling, count: int) -> dict[str, float]:
    """The share of stills of taught pairs that show the subject that was asked for."""
    judge, right = Judge(), list[bool]()
    for number in range(count):
        scene = random_scene((UNSEEN, number), Canvas(64, 64, 1, Fraction(12)), alone=1.0)
        frames = make(task.model, "image", short_caption(scene), seed=number, size="64x64")
        right.append(score(judge.see(frames), Asked.of(scene))["subject"])
    return {"subjects": sum(right) / count}


if __name__ == "__main__":
    main()
