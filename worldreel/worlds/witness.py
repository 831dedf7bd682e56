"""The witness: a second judge of another kind, a small network that learned from random renders what a clip of one actor shows.

It shares no method with the judge, so where the two agree it is not by a common mistake. It always answers; it refuses
nothing. Its weights are made by one command, which depends on its seed alone:

    python -m worldreel.worlds.witness --out assets/witness.safetensors
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldreel.assets import asset
from worldreel.checkpoints import load_into, save_tensors
from worldreel.worlds.judge import Verdict
from worldreel.worlds.render import render
from worldreel.worlds.scenes import Canvas, Scene, random_scene
from worldreel.worlds.sprites import Sprite, load_sprites
from worldreel.worlds.subjects import COLOURS, DIRECTIONS, POSITIONS, SUBJECTS

SIDE = 64
"""Every frame is squeezed to a square of this side, whatever its shape."""
FRAMES = 4
"""Frames that are looked at, evenly in time."""
ANSWERS: dict[str, tuple[str, ...]] = {
    "subject": tuple(subject.name for subject in SUBJECTS),
    "direction": (*DIRECTIONS, "none"),
    "position": tuple(POSITIONS),
    "top": tuple(COLOURS),
    "bottom": tuple(COLOURS),
}
SHAPES = ((64, 64), (64, 64), (96, 64), (64, 96), (128, 72), (128, 128))
"""Width and height of the canvases that training draws."""


class Witness(nn.Module):
    """`Witness.load().see(frames)`: frames are [T, H, W, 3] uint8, at any rate."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 24, 48, 96, 128)
        self.eye = nn.Sequential(*(_layer(before, after) for before, after in pairwise(widths)))
        self.where = nn.Conv2d(128, 6, 1)
        cells = (SIDE // 16) ** 2
        self.what = nn.Linear(2 * 128, len(ANSWERS["subject"]))
        self.motion = nn.Sequential(nn.Linear(FRAMES * 6 * cells, 96), nn.GELU(), nn.Linear(96, 5 + 3))
        self.ground = nn.Sequential(nn.Linear(3 * 64, 96), nn.GELU(), nn.Linear(96, 2 * len(COLOURS)))

    @classmethod
    def load(cls, path: Path | None = None) -> "Witness":
        """The trained witness, from beside the sprite pack. Raises UserError if it is not there."""
        witness = cls()
        load_into(witness, path or asset("witness.safetensors"))
        return witness.eval()

    def forward(self, clips: Tensor) -> dict[str, Tensor]:
        """Clips [B, FRAMES, 3, SIDE, SIDE] in [-1, 1]; gives the logits of each answer [B, answers]."""
        B = len(clips)
        seen = self.eye(clips.flatten(0, 1))
        pooled = torch.cat([seen.mean((2, 3)), seen.amax((2, 3))], 1).reshape(B, FRAMES, -1).mean(1)
        place = self.where(seen).reshape(B, -1)
        direction, position = self.motion(place).split((5, 3), 1)
        ground = F.adaptive_avg_pool2d(clips.mean(1), 8).flatten(1)
        top, bottom = self.ground(ground).chunk(2, 1)
        return {"subject": self.what(pooled), "direction": direction, "position": position, "top": top, "bottom": bottom}

    @torch.inference_mode()
    def see(self, frames: np.ndarray) -> Verdict:
        """What the clip shows, if it shows one actor."""
        numbers = np.linspace(0, len(frames) - 1, FRAMES).round().astype(int)
        clip = torch.from_numpy(np.ascontiguousarray(frames[numbers])).permute(0, 3, 1, 2).float() / 127.5 - 1
        logits = self(F.interpolate(clip, (SIDE, SIDE), mode="bilinear", antialias=True)[None])
        said = {name: ANSWERS[name][int(values.argmax())] for name, values in logits.items()}
        direction = None if said["direction"] == "none" else said["direction"]
        ground = (said["top"],) if said["top"] == said["bottom"] else (said["top"], said["bottom"])
        return Verdict((said["subject"],), (direction,), (said["position"],), ground)


def train(seed: int = 0, steps: int = 800, batch: int = 48) -> Witness:
    """Trains a witness on random renders, degraded as a codec or a generator would. One thread: the same on any machine."""
    torch.manual_seed(seed)
    sprites = load_sprites()
    witness = Witness()
    optimizer = torch.optim.AdamW(witness.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps, pct_start=0.15)
    for step in range(steps):
        clips, answers = draw_batch((seed, step), batch, sprites)
        logits = witness(_degrade(clips))
        losses = {name: F.cross_entropy(logits[name], answers[name]) for name in ANSWERS}
        optimizer.zero_grad()
        torch.autograd.backward(torch.stack(list(losses.values())).sum())
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            print(f"step {step + 1} of {steps}:", ", ".join(f"{name} {loss.item():.3f}" for name, loss in losses.items()))
    return witness.eval()


def draw_batch(seed: tuple[int, ...], batch: int, sprites: Mapping[str, Sprite]) -> tuple[Tensor, dict[str, Tensor]]:
    """Clips [B, FRAMES, 3, SIDE, SIDE] in [-1, 1] and their answers [B]. All pairs are drawn: the witness is no generator."""
    rng = np.random.default_rng(seed)
    width, height = SHAPES[int(rng.integers(len(SHAPES)))]
    canvas = Canvas(width, height, FRAMES, Fraction(FRAMES, int(rng.integers(1, 5))))
    scenes = []
    for number in range(batch):
        scene = random_scene((*seed, number), canvas, withheld_pairs=number % 3 == 0, alone=1)
        scenes.append(_slower(scene, rng.uniform(0.5, 1)))
    video = render(scenes, sprites)[0].transpose(1, 2).flatten(0, 1)
    clips = F.interpolate(video, (SIDE, SIDE), mode="bilinear", antialias=True).reshape(batch, FRAMES, 3, SIDE, SIDE)
    truths = [_truth(scene) for scene in scenes]
    return clips, {name: torch.tensor([ANSWERS[name].index(truth[name]) for truth in truths]) for name in ANSWERS}


def _truth(scene: Scene) -> dict[str, str]:
    actor = scene.actors[0]
    x = float(scene.centres(actor)[:, 0].mean()) / scene.canvas.width
    return {
        "subject": actor.subject.name,
        "direction": actor.direction or "none",
        "position": min(POSITIONS, key=lambda name: abs(POSITIONS[name] - x)),
        "top": scene.background.names[0],
        "bottom": scene.background.names[-1],
    }


def _slower(scene: Scene, share: float) -> Scene:
    """The same scene whose actor goes a share of its way: what generators make of motion is often slow."""
    actor = scene.actors[0]
    (x, y), (to_x, to_y) = actor.start, actor.end
    return replace(scene, actors=(replace(actor, end=(x + (to_x - x) * share, y + (to_y - y) * share)),))


def _degrade(clips: Tensor) -> Tensor:
    """Clips [B, FRAMES, 3, SIDE, SIDE] warped, blurred, tinted and with noise, each as a whole batch or clip at random."""
    frames = clips.flatten(0, 1)
    bend = F.interpolate(torch.randn(len(frames), 2, 5, 5), (SIDE, SIDE), mode="bicubic") * 0.04 * torch.rand(1)
    straight = F.affine_grid(torch.eye(2, 3).expand(len(frames), 2, 3), list(frames.shape), align_corners=False)
    frames = F.grid_sample(frames, straight + bend.permute(0, 2, 3, 1), padding_mode="border", align_corners=False)
    side = int(torch.randint(SIDE // 3, SIDE + 1, ()))
    small = F.interpolate(frames, (side, side), mode="bilinear", antialias=True)
    seen = F.interpolate(small, (SIDE, SIDE), mode="bilinear").view_as(clips)
    tint = 1 + 0.05 * torch.randn(len(clips), 1, 3, 1, 1)
    shift = 0.04 * torch.randn(len(clips), 1, 3, 1, 1)
    noise = 0.12 * torch.rand(len(clips), 1, 1, 1, 1) * torch.randn_like(clips)
    return seen * tint + shift + noise


def _layer(before: int, after: int) -> nn.Sequential:
    """Halves the sides."""
    return nn.Sequential(nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.GELU())


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains the witness.")
    parser.add_argument("--out", type=Path, default=Path("assets/witness.safetensors"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=800)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    witness = train(arguments.seed, arguments.steps)
    halves = {name: value.half() if value.is_floating_point() else value for name, value in witness.state_dict().items()}
    save_tensors(arguments.out, halves, {"seed": str(arguments.seed), "steps": str(arguments.steps)})
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
