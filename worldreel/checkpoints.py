"""Weights on disk: safetensors only (never a pickle), and whole or absent, even through `kill -9`."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from worldreel.errors import UserError
from worldreel.files import whole_file, whole_folder

__all__ = ["load_into", "load_metadata", "load_tensors", "save_tensors", "whole_file", "whole_folder"]


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Writes tensors atomically; shared or strided storage is made contiguous first. Raises UserError if there is no room."""
    stored = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    try:
        with whole_file(path) as temporary:
            save_file(stored, temporary, dict(metadata or {}))
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} cannot be written ({error}); free some space or choose another folder") from error


def load_tensors(path: Path, device: str | torch.device = "cpu") -> dict[str, Tensor]:
    """Reads a safetensors file. Raises UserError if it is missing, truncated or of another kind."""
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} is not a whole safetensors file ({error}); fetch or save the weights again") from error


def load_metadata(path: Path) -> dict[str, str]:
    """The text metadata of a safetensors file. Raises UserError like `load_tensors`."""
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} is not a whole safetensors file ({error})") from error


def load_into(module: nn.Module, path: Path) -> None:
    """Loads weights whose names, shapes and finiteness must all match. Raises UserError naming the first that does not."""
    tensors = load_tensors(path)
    wanted = module.state_dict()
    missing, extra = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
    if missing or extra:
        what = f"lacks {missing[0]!r}" if missing else f"has an unknown {extra[0]!r}"
        raise UserError(f"{path} {what}: these weights belong to another model")
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape:
            raise UserError(
                f"{path}: {name!r} is {tuple(tensor.shape)}, not {tuple(wanted[name].shape)}: "
                "these weights belong to another model"
            )
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise UserError(f"{path}: {name!r} holds values that are not finite; fetch or save the weights again")
    module.load_state_dict(tensors)
