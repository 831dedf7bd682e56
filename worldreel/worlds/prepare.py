"""Prepares the sprite pack from its packages: `python -m worldreel.worlds.prepare FOLDER --out assets/sprites.zip`.

FOLDER holds the unpacked or packed npm packages `@lobehub/fluent-emoji-anim-1` to `-4` (`npm pack NAME`). The taught
subjects keep their motion at 12 frames a second; the others, which only teach the autoencoder what pictures
look like, keep every sixth frame. `--cast all` packs every family with its motion, as AVIF, which takes a third of WebP's
bytes and 20 minutes of a core.
"""

import argparse
import hashlib
import io
import json
import tarfile
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from PIL import Image

from worldreel.worlds.casts import TAUGHT, CastName, cast

SIDE = 96
OTHERS = 96
"""How many sprites beside the taught subjects go into the pack."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("assets/sprites.zip"))
    parser.add_argument("--cast", choices=get_args(CastName), default="two dozen")
    arguments = parser.parse_args()
    pack(dict(_animations(arguments.folder)), arguments.out, arguments.cast)


def pack(animations: dict[str, bytes], out: Path, cast_name: CastName = "two dozen") -> None:
    """Writes the pack: an index and one animation a sprite. The same input gives the same bytes."""
    wanted = [subject.codepoint for subject in cast(cast_name).subjects]
    others: list[str] = []
    if cast_name == "two dozen":
        # A hash decides which others come along: a varied choice that nobody picked by hand.
        others = sorted(animations.keys() - set(wanted), key=lambda name: hashlib.sha256(name.encode()).digest())[:OTHERS]
    format = "WEBP" if cast(cast_name) == TAUGHT else "AVIF"
    index = []
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for codepoint in wanted + others:
            data, frames, seconds = _shrink(animations[codepoint], every=6 if codepoint in others else 2, format=format)
            file = f"{codepoint}.{format.lower()}"
            archive.writestr(zipfile.ZipInfo(file), data)
            name = unicodedata.name(chr(int(codepoint, 16))).lower()
            index.append({"codepoint": codepoint, "name": name, "frames": frames, "seconds": seconds, "file": file})
        archive.writestr(zipfile.ZipInfo("index.json"), json.dumps(index, indent=1))


def _animations(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Code point and bytes of each animation of a single code point (no skin tones, no flags, no stills)."""
    for path in sorted(folder.rglob("*.webp")):
        if "-" not in path.stem and _is_animated(path.read_bytes()):
            yield path.stem, path.read_bytes()
    for package in sorted(folder.glob("*.tgz")):
        with tarfile.open(package) as archive:
            for member in archive:
                path = Path(member.name)
                file = archive.extractfile(member) if path.suffix == ".webp" and "-" not in path.stem else None
                data = file.read() if file else b""
                if _is_animated(data):
                    yield path.stem, data


def _is_animated(data: bytes) -> bool:
    return bool(data) and getattr(Image.open(io.BytesIO(data)), "n_frames", 1) > 1


def _shrink(data: bytes, every: int, format: str) -> tuple[bytes, int, float]:
    image = Image.open(io.BytesIO(data))
    total = int(getattr(image, "n_frames", 1))
    pictures = []
    for number in range(0, total, every):
        image.seek(number)
        pictures.append(image.convert("RGBA").resize((SIDE, SIDE), Image.Resampling.LANCZOS))
    buffer = io.BytesIO()
    milliseconds = round(every * 1000 / 24)
    moving = {"save_all": True, "append_images": pictures[1:], "duration": milliseconds}
    if format == "WEBP":
        pictures[0].save(buffer, format, **moving, loop=0, quality=70, alpha_quality=80, method=5, minimize_size=False)
    else:
        pictures[0].save(buffer, format, **moving, quality=50, speed=6)
    return buffer.getvalue(), len(pictures), total / 24


if __name__ == "__main__":
    main()
