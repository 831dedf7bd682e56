"""Finding models by name: bundled ones, and folders of any format that we know."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from worldreel.errors import UserError
from worldreel.models import hub, wan
from worldreel.models.bundle import Bundle, BundleConfig
from worldreel.models.model import FORMAT, Model, ModelConfig

BUNDLED = Path(__file__).parent / "bundled"


class Format(NamedTuple):
    """How a folder that holds a certain file is read."""

    config: Callable[[Path], BundleConfig]
    load: Callable[[Path, torch.device, int | None], Bundle]
    weights: tuple[str, ...]
    """Which files hold them, where it is fetched from the hub."""


FORMATS = {
    "model.json": Format(lambda folder: ModelConfig.load(folder / "model.json"), lambda *given: _own(*given), ("*.safetensors",)),
    wan.INDEX: Format(wan.load_config, wan.load_model, wan.FILES),
}
"""By the file that says what a folder is."""


def bundled_names() -> list[str]:
    """Models that come inside the package."""
    return sorted(path.parent.name for path in BUNDLED.glob("*/model.json"))


def find_model(name: str) -> Path:
    """The folder of a bundled model, of a path, or of a repository on the hub, of which it fetches no weights. Raises UserError
    that says what there is."""
    return _found(name)[0]


def load_config(name: str) -> BundleConfig:
    """What a model is and knows, without its weights: enough to check a request. Raises UserError."""
    folder, found = _found(name)
    return found.config(folder)


def load_model(name: str, device: torch.device | None = None, memory: int | None = None) -> Bundle:
    """A model ready to sample, on a device (the CPU unless told otherwise), of which it may take so many bytes. Raises
    UserError."""
    folder, found = _found(name)
    if not _here(name):
        found.config(folder)  # a repository of another kind is refused before its weights are fetched
        folder = hub.fetched(name, (*hub.SETTINGS, *found.weights))
    return found.load(folder, device or torch.device("cpu"), memory)


def _found(name: str) -> tuple[Path, Format]:
    if name in bundled_names():
        return BUNDLED / name, FORMATS["model.json"]
    if not _here(name) and not hub.ID.fullmatch(name):
        known = ", ".join(bundled_names()) or "none"
        raise UserError(
            f"--model {name!r}: no such model; bundled: {known}; or give a folder that holds a {' or a '.join(FORMATS)}"
        )
    path = Path(name) if _here(name) else hub.fetched(name, hub.SETTINGS)
    for file, found in FORMATS.items():
        if (path / file).is_file():
            if file == "model.json":
                _check_format(name, path / file)
            return path, found
    raise UserError(f"--model {name!r}: the folder holds no {' and no '.join(FORMATS)}, so it is no model")


def _here(name: str) -> bool:
    return name in bundled_names() or Path(name).is_dir()


def _own(folder: Path, device: torch.device, memory: int | None) -> Model:
    model = Model.load(folder)
    model.settle(device, memory)
    return model


def _check_format(name: str, path: Path) -> None:
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"--model {name!r}: model.json cannot be read ({error})") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise UserError(f"--model {name!r}: model.json is not of the format {FORMAT!r}, so it is no model of ours")
