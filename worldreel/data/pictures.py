"""Pictures to learn from: drawings with alpha, composed over plain colours, as a strip of stills.

    python -m worldreel.data.pictures FOLDER --out FILE.npy [--count 2000] [--side 256]

FOLDER holds PNG files, for instance Debian's `openclipart-png` (public domain) unpacked. Which of them are taken, and over
which colours, is decided by hashes and a fixed seed: the same folder gives the same strip.
"""

import argparse
import hashlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from worldreel.data.film import StripInfo, write_strip

SMALLEST = 96
"""Pictures whose longer side is below this many pixels would only teach what an enlargement looks like."""


def prepare(folder: Path, out: Path, count: int = 2000, side: int = 256) -> int:
    """Writes up to `count` pictures of `folder` as a strip [N, side, side, 3]; returns how many."""
    # The hash of the name mixes the folder's subjects, and does not depend on what else lies there.
    paths = sorted(folder.rglob("*.png"), key=lambda path: hashlib.sha256(path.relative_to(folder).as_posix().encode()).digest())
    names = "\n".join(path.relative_to(folder).as_posix() for path in paths)
    info = StripInfo(source=out.stem, sha256=hashlib.sha256(names.encode()).hexdigest(), fps="1", frames=0, stills=True)
    return write_strip(out, islice(_composed(paths, side), count), info)


def _composed(paths: list[Path], side: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    for path in paths:
        picture = _drawing(path)
        if picture is not None:
            yield compose(picture, side, tuple(int(value) for value in rng.integers(0, 256, 3)))


def _drawing(path: Path) -> Image.Image | None:
    """The picture, if it has see-through parts and is large enough; None for others and for files that do not open."""
    try:
        with Image.open(path) as image:
            if max(image.size) < SMALLEST or (image.mode not in ("RGBA", "LA") and "transparency" not in image.info):
                return None
            picture = image.convert("RGBA")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
        return None
    lowest, highest = picture.getchannel("A").getextrema()
    return picture if lowest != highest else None


def compose(picture: Image.Image, side: int, colour: tuple[int, ...]) -> np.ndarray:
    """Fits a picture with alpha into the middle of a square of one colour: uint8 [side, side, 3]."""
    scale = side / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    fitted = picture.resize(size, Image.Resampling.LANCZOS)
    ground = Image.new("RGBA", (side, side), (*colour[:3], 255))
    ground.alpha_composite(fitted, ((side - size[0]) // 2, (side - size[1]) // 2))
    return np.asarray(ground.convert("RGB"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--side", type=int, default=256)
    arguments = parser.parse_args()
    count = prepare(arguments.folder, arguments.out, arguments.count, arguments.side)
    print(arguments.out, count, arguments.side, arguments.side, 3)


if __name__ == "__main__":
    main()
