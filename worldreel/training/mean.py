"""The mean of several trainings from the same weights, which is often better than each of them (model soups, Wortsman et al.
2022): what they learned adds up, and where each wandered off cancels out.

Run: python -m worldreel.training.mean MODEL MODEL ... --out FOLDER. Models are folders; all but the transformer's weights is the
first one's.
"""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from worldreel.checkpoints import SCALE, load_metadata, load_tensors, narrowed, save_tensors, whole_folder, widened
from worldreel.errors import UserError

PART, LATE = "transformer.safetensors", "late.safetensors"


def mean(parts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Of the same tensors, name by name, each in the format of the first. Raises UserError if names or shapes differ."""
    first = parts[0]
    for other in parts[1:]:
        if {name: tensor.shape for name, tensor in other.items()} != {name: tensor.shape for name, tensor in first.items()}:
            raise UserError("these models are of different shapes; a mean is of trainings of one model")
    return {name: torch.stack([part[name].float() for part in parts]).mean(dim=0).to(first[name].dtype) for name in first}


def mean_model(models: Sequence[Path], out: Path) -> None:
    """Writes a model with the mean of their transformers, or of each of two; all else is the first one's."""
    with whole_folder(out) as temporary:
        shutil.copytree(models[0], temporary, dirs_exist_ok=True)
        for part in (PART, LATE):
            paths = [model / part for model in models]
            if part == PART or all(path.exists() for path in paths):
                save_tensors(temporary / part, _merged(paths), load_metadata(paths[0]))


def _merged(paths: Sequence[Path]) -> dict[str, Tensor]:
    """The mean of files, what is narrow in the first one narrow again."""
    files = [load_tensors(path) for path in paths]
    merged = dict[str, Tensor]()
    for name, tensor in mean([widened(path, tensors) for path, tensors in zip(paths, files, strict=True)]).items():
        merged |= narrowed(name, tensor) if name + SCALE in files[0] else {name: tensor}
    return merged


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    mean_model(asked.models, asked.out)


if __name__ == "__main__":
    main()
