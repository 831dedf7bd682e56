"""Weights on disk: safetensors only (never a pickle), and whole or absent, even through `kill -9`."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from worldreel.errors import UserError
from worldreel.files import whole_file, whole_folder

__all__ = [
    "load_into",
    "load_metadata",
    "load_shards",
    "load_tensors",
    "narrowed",
    "save_tensors",
    "shard_paths",
    "whole_file",
    "whole_folder",
    "widened",
]
Translate = Callable[[Mapping[str, Tensor], str], Mapping[str, Tensor]]
"""(tensors of a file, the file's name for messages) -> the same under the module's names."""
SCALE = ".scale"
"""What the name of a narrowed tensor's scales ends in."""


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


def load_into(module: nn.Module, path: Path, translate: Translate | None = None) -> None:
    """Loads weights whose names, shapes and finiteness must all match; what is `narrowed` is made wide. Raises UserError naming
    the first that does not."""
    wanted = module.state_dict()
    found = load_tensors(path) if translate is None else dict(translate(load_tensors(path), str(path)))
    tensors = widened(path, found, [name for name, tensor in wanted.items() if tensor.is_floating_point()])
    missing, extra = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
    if missing or extra:
        what = f"lacks {missing[0]!r}" if missing else f"has an unknown {extra[0]!r}"
        raise UserError(f"{path} {what}: these weights belong to another model")
    for name, tensor in tensors.items():
        _check(path, name, tensor, wanted[name])
    module.load_state_dict(tensors)


def narrowed(name: str, tensor: Tensor) -> dict[str, Tensor]:
    """A tensor [N, ...] under its name as whole numbers up to 127 in 8 bits, and its scales [N]: an error of about 1/254 of a
    slice's largest value. One that was read from such a file stays exactly as it was, since scales are of few bits."""
    flat = tensor.float().flatten(1)
    scale = (flat.abs().amax(dim=1).clamp(min=1e-12) / 127).bfloat16()
    whole = (flat / scale.float()[:, None]).round().clamp(-127, 127).to(torch.int8)
    return {name: whole.view(tensor.shape), name + SCALE: scale}


def widened(path: Path, tensors: Mapping[str, Tensor], wanted: Iterable[str] | None = None) -> dict[str, Tensor]:
    """Tensors of a file with those in fp32 that were narrowed; of these only the `wanted` ones (None: all)."""
    tensors = dict(tensors)
    names = [name.removesuffix(SCALE) for name in tensors if name.endswith(SCALE)] if wanted is None else wanted
    for name in [name for name in names if name + SCALE in tensors]:
        whole, scale = tensors.get(name), tensors.pop(name + SCALE)
        if whole is None or whole.dtype != torch.int8 or scale.shape != whole.shape[:1]:
            raise UserError(f"{path}: the scales of {name!r} fit nothing there: fetch or save the weights again")
        tensors[name] = (whole.flatten(1).float() * scale.float()[:, None]).view(whole.shape)
    return tensors


def shard_paths(folder: Path, stem: str) -> list[Path]:
    """The files of weights that lie in one, or in several that an index lists. Raises UserError for one that is missing."""
    index, whole = folder / f"{stem}.safetensors.index.json", folder / f"{stem}.safetensors"
    if not index.is_file():
        if not whole.is_file():
            raise UserError(f"{whole} is missing; fetch the weights again")
        return [whole]
    try:
        names = sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{index} is no list of weights ({error!r}); fetch the weights again") from error
    for name in names:
        if Path(name).name != name or not (folder / name).is_file():
            raise UserError(f"{folder / name} is missing, which {index.name} lists; fetch the weights again")
    return [folder / name for name in names]


def load_shards(
    module: nn.Module,
    paths: Sequence[Path],
    translate: Translate,
    stored: Callable[[str, Tensor], Tensor],
    device: torch.device,
) -> None:
    """Gives a module (which may be on the meta device) weights from files, one at a time, straight onto the device.

    `stored`: how a tensor is kept, by its name: its dtype. Checks and raises as `load_into` does; each file is let go before
    the next is read, so that no second copy of the whole is ever in memory.
    """
    wanted, found = module.state_dict(), dict[str, Tensor]()
    for path in paths:
        for name, tensor in translate(load_tensors(path, device), str(path)).items():
            if name not in wanted:
                raise UserError(f"{path} has an unknown {name!r}: these weights belong to another model")
            _check(path, name, tensor, wanted[name])
            found[name] = stored(name, tensor)
    missing = sorted(wanted.keys() - found.keys())
    if missing:
        raise UserError(f"{paths[0].parent} lacks {missing[0]!r}: these weights belong to another model, or are not whole")
    module.load_state_dict(found, assign=True)


def _check(path: Path, name: str, tensor: Tensor, wanted: Tensor) -> None:
    if tensor.shape != wanted.shape:
        raise UserError(
            f"{path}: {name!r} is {tuple(tensor.shape)}, not {tuple(wanted.shape)}: these weights belong to another model"
        )
    if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
        raise UserError(f"{path}: {name!r} holds values that are not finite; fetch or save the weights again")
