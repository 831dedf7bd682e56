"""The pulse of a codec: frames come in groups, one for each latent frame, and a model that draws those a little otherwise each
time pops from group to group, while within them all glides.

Where a clip changes more from one group to the next than within both, the excess is spread over the frames beside that step, as
deblocking filters do at the edges of blocks (List et al. 2003). It weighs by its share of the step's energy, after Wiener: where
movement is even, as in what a codec gives back of real clips, hardly anything changes.
"""

from collections.abc import Collection

import numpy as np
import torch
import torch.nn.functional as F

from worldreel.media.clip import Frame

SHARES = 2 / 5, 1 / 5
"""Of the excess, to the frames on either side of the step, the nearest first: of one step they make five alike."""
WINDOW = 15
"""Pixels; a window's side, in which steps are compared."""


def evened(frames: Frame, starts: Collection[int], made: np.ndarray) -> Frame:
    """The frames [T, H, W, 3] of one run with even steps; they are changed in place. `starts`: the frames with which a group
    begins, but the first; `made` [T, H, W]: where they are not given. A frame alone in its group, as the first of a run, has no
    step within."""
    edges = {0, *starts, len(frames)}
    for start in sorted(starts):
        inner = [_step(frames, start + side) for side in (-1, 1) if not edges & {start + side}]
        if inner:
            usual, step = np.mean(inner, axis=0), _step(frames, start)
            energy = np.mean([_local(one) for one in inner], axis=0)
            excess = (1 - energy / np.maximum(_local(step), 1e-6)).clip(0, 1) * (made[start - 1] & made[start])
            _spread(frames, start, edges, excess[:, :, None] * (step - usual), made)
    return frames


def _spread(frames: Frame, start: int, edges: set[int], excess: np.ndarray, made: np.ndarray) -> None:
    """To the frames of the two groups that meet at `start`, as far as each goes."""
    before = [start - 1 - distance for distance in range(len(SHARES)) if not edges & set(range(start - distance, start))]
    after = [start + distance for distance in range(len(SHARES)) if not edges & set(range(start + 1, start + 1 + distance))]
    for numbers, sign in (before, 1), (after, -1):
        for number, share in zip(numbers, SHARES, strict=False):
            even = (frames[number] + sign * share * excess).round().clip(0, 255).astype(np.uint8)
            frames[number] = np.where(made[number][:, :, None], even, frames[number])


def _step(frames: Frame, number: int) -> np.ndarray:
    """What changes with a frame, [H, W, 3]."""
    step: np.ndarray = frames[number].astype(np.float32) - frames[number - 1]
    return step


def _local(step: np.ndarray) -> np.ndarray:
    """The mean square [H, W] of what changes [H, W, 3] around each pixel."""
    square = torch.from_numpy(np.square(step).mean(axis=2))[None, None]
    near = F.avg_pool2d(square, WINDOW, stride=1, padding=WINDOW // 2, count_include_pad=False)
    local: np.ndarray = near[0, 0].numpy()
    return local
