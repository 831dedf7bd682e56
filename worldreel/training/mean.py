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

from worldreel.checkpoints import load_metadata, load_tensors, save_tensors, whole_folder
from worldreel.errors import UserError

PART = "transformer.safetensors"


def mean(parts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Of the same tensors, name by name, each in the format of the first. Raises UserError if names or shapes differ."""
    first = parts[0]
    for other in parts[1:]:
        if {name: tensor.shape for name, tensor in other.items()} != {name: tensor.shape for name, tensor in first.items()}:
            raise UserError("these models are of different shapes; a mean is of trainings of one model")
    return {name: torch.stack([part[name].float() for part in parts]).mean(dim=0).to(first[name].dtype) for name in first}


def mean_model(models: Sequence[Path], out: Path) -> None:
    """Writes a model with the mean of their transformers; all else is the first one's."""
    merged = mean([load_tensors(model / PART) for model in models])
    with whole_folder(out) as temporary:
        shutil.copytree(models[0], temporary, dirs_exist_ok=True)
        save_tensors(temporary / PART, merged, load_metadata(models[0] / PART))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    mean_model(asked.models, asked.out)


if __name__ == "__main__":
    main()
