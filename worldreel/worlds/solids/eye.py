"""The eye: a small network that learned from renders to name the shape of a solid from its patch of a picture.

It sees how light the solid is and what hides it, and no colour. Its weights are made by one command, which depends on its
seed alone:

    python -m worldreel.worlds.solids.eye --out assets/solids.safetensors
"""

import argparse
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldreel.assets import asset
from worldreel.checkpoints import load_into, save_tensors
from worldreel.worlds.render import to_frames
from worldreel.worlds.scenes import Canvas
from worldreel.worlds.solids.drawing import Mix, random_scene
from worldreel.worlds.solids.kinds import COLOURS, SHAPES
from worldreel.worlds.solids.masks import Masks, find_masks, shrink
from worldreel.worlds.solids.render import render

PATCH = 32
"""The side of a patch in its own pixels."""
MARGIN = 1.25
"""The side of a patch to the longer side of what it shows."""
CANVASES = ((64, 64), (96, 96), (128, 128), (112, 64), (64, 112))
"""Width and height of the renders that training draws."""


class Patches(NamedTuple):
    """`patches` [N, 3, PATCH, PATCH]: how light the solid is, where it is, where other solids are; `colours` [N] by number."""

    patches: Tensor
    colours: Tensor


class Eye(nn.Module):
    """Names shapes by number in SHAPES."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 24, 48, 96)
        self.layers = nn.Sequential(*(_layer(before, after) for before, after in pairwise(widths)))
        self.name = nn.Linear(96 * (PATCH // 8) ** 2, len(SHAPES))

    @classmethod
    def load(cls, path: Path | None = None) -> "Eye":
        """The trained eye. Raises UserError if it is not there."""
        eye = cls()
        load_into(eye, path or asset("solids.safetensors"))
        return eye.eval()

    def forward(self, patches: Tensor) -> Tensor:
        """The logits [N, shapes] of patches."""
        named: Tensor = self.name(self.layers(patches).flatten(1))
        return named


def cut_patches(masks: Masks) -> Patches:
    """A patch around each colour that is seen, in each frame."""
    frames, colours = masks.seen.nonzero().T
    mine = masks.named[frames, colours]
    others = masks.named.amax(1)[frames] - mine
    light = masks.picture.mean(1)[frames]
    mean = (light * mine).sum((1, 2)) / mine.sum((1, 2)).clamp(min=1)
    layers = torch.stack([light / mean[:, None, None].clamp(min=0.02) * mine - mine, mine, others], 1)
    height, width = mine.shape[1:]
    rows, columns = _ends(mine.amax(2)), _ends(mine.amax(1))
    side = MARGIN * torch.maximum(rows[1] - rows[0], columns[1] - columns[0])
    theta = torch.zeros(len(mine), 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = side / width, side / height
    theta[:, 0, 2], theta[:, 1, 2] = columns.sum(0) / width - 1, rows.sum(0) / height - 1
    grid = F.affine_grid(theta, [len(mine), 3, PATCH, PATCH], align_corners=False)
    return Patches(F.grid_sample(layers, grid, align_corners=False), colours)


def _ends(line: Tensor) -> Tensor:
    """Where rows of zeros and ones [N, L] first and last are one, as edges: [2, N]."""
    length = line.shape[1]
    return torch.stack([line.argmax(1).float(), length - line.flip(1).argmax(1).float()])


def train(seed: int = 0, scenes: int = 2000, passes: int = 12) -> Eye:
    """Trains an eye on renders, half of them degraded as a codec or a generator would. One thread: the same on any machine."""
    torch.manual_seed(seed)
    drawn = list(draw_patches(seed, scenes))
    patches, shapes = torch.cat([patch for patch, _ in drawn]), torch.cat([shape for _, shape in drawn])
    print(f"{len(patches)} patches of {scenes} scenes")
    eye, batch = Eye(), 64
    steps = passes * (len(patches) // batch)
    optimizer = torch.optim.AdamW(eye.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps + 1, pct_start=0.1)
    for done in range(passes):
        order = torch.randperm(len(patches))[: len(patches) // batch * batch].view(-1, batch)
        losses = []
        for chosen in order:
            seen = patches[chosen]
            seen = seen.flip(3) if torch.rand(()) < 0.5 else seen
            loss = F.cross_entropy(eye(seen + 0.03 * torch.randn_like(seen)), shapes[chosen], label_smoothing=0.02)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        print(f"pass {done + 1} of {passes}: {np.mean(losses):.3f}")
    return eye.eval()


def draw_patches(seed: int, scenes: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Patches and the shapes they show, of each scene as it is and degraded. All pairs are drawn: the eye is no generator."""
    for number in range(scenes):
        rng = np.random.default_rng((seed, 1, number))
        width, height = CANVASES[int(rng.integers(len(CANVASES)))]
        canvas, mix = Canvas(width, height, 3), Mix(alone=0.5, rest=0.3)
        scene = random_scene((seed, 2, number), canvas, withheld_pairs=number % 3 == 0, mix=mix)
        frames = to_frames(render([scene], rays=2)[0][0])[[0, 2]]
        names = list(COLOURS)
        shapes = {names.index(solid.colour): list(SHAPES).index(solid.shape.name) for solid in scene.solids}
        for seen in (frames, degrade(frames, float(rng.uniform(0.4, 0.8)), float(rng.uniform(0, 10)), number)):
            patches, colours = cut_patches(find_masks(shrink(seen)))
            known = torch.tensor([int(colour) in shapes for colour in colours], dtype=torch.bool)
            yield patches[known], torch.tensor([shapes[int(colour)] for colour in colours[known]], dtype=torch.long)


def degrade(frames: np.ndarray, scale: float, noise: float, seed: int) -> np.ndarray:
    """Frames [T, H, W, 3] uint8 at a part of their resolution, blurred in time if they are many, and with noise, in levels."""
    video = torch.from_numpy(frames).float().permute(0, 3, 1, 2)
    small = F.interpolate(video, scale_factor=scale, mode="bicubic", antialias=True)
    video = F.interpolate(small, video.shape[-2:], mode="bicubic")
    if len(video) > 4:
        video[1:-1] = (video[:-2] + 2 * video[1:-1] + video[2:]) / 4
    video = video + noise * torch.randn(video.shape, generator=torch.Generator().manual_seed(seed))
    return video.clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def _layer(before: int, after: int) -> nn.Sequential:
    """Halves the sides."""
    return nn.Sequential(nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.GELU())


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains the eye.")
    parser.add_argument("--out", type=Path, default=Path("assets/solids.safetensors"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scenes", type=int, default=2000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    eye = train(arguments.seed, arguments.scenes)
    halves = {name: value.half() if value.is_floating_point() else value for name, value in eye.state_dict().items()}
    save_tensors(arguments.out, halves, {"seed": str(arguments.seed), "scenes": str(arguments.scenes)})
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
