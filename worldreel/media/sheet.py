"""Contact sheets: many clips at a glance, true to the pixel."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from worldreel.files import whole_file

GAP = 2


def contact_sheet(clips: Sequence[np.ndarray], columns: int = 6) -> np.ndarray:
    """One row a clip [T, H, W, 3] uint8, `columns` frames evenly over its time; clips may differ in size.

    Returns a picture [H, W, 3] on white.
    """
    rows = [np.concatenate(_spaced(_picked(clip, columns)), axis=1) for clip in clips]
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, GAP), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    return np.concatenate(padded)


def save_sheet(path: Path, clips: Sequence[np.ndarray]) -> None:
    """Writes a contact sheet as a picture, whole or not at all."""
    with whole_file(path) as temporary:
        Image.fromarray(contact_sheet(clips)).save(temporary)


def _picked(clip: np.ndarray, columns: int) -> np.ndarray:
    picked: np.ndarray = clip[np.linspace(0, len(clip) - 1, min(columns, len(clip))).round().astype(int)]
    return picked


def _spaced(frames: np.ndarray) -> list[np.ndarray]:
    return [np.pad(frame, ((0, 0), (0, GAP), (0, 0)), constant_values=255) for frame in frames]
