"""Finding models by name: bundled ones, and folders."""

import json
from pathlib import Path

from worldreel.errors import UserError
from worldreel.models.model import FORMAT, Model, ModelConfig

BUNDLED = Path(__file__).parent / "bundled"


def bundled_names() -> list[str]:
    """Models that come inside the package."""
    return sorted(path.parent.name for path in BUNDLED.glob("*/model.json"))


def find_model(name: str) -> Path:
    """The folder of a bundled model or of a path. Raises UserError that says what there is."""
    if name in bundled_names():
        return BUNDLED / name
    path = Path(name)
    if not path.is_dir():
        known = ", ".join(bundled_names()) or "none"
        raise UserError(f"--model {name!r}: no such model; bundled: {known}; or give a folder that holds a model.json")
    _check_format(name, path / "model.json")
    return path


def load_config(name: str) -> ModelConfig:
    """What a model is and knows, without its weights: enough to check a request. Raises UserError."""
    return ModelConfig.load(find_model(name) / "model.json")


def load_model(name: str) -> Model:
    """A model ready to sample. Raises UserError."""
    return Model.load(find_model(name))


def _check_format(name: str, path: Path) -> None:
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"--model {name!r}: the folder holds no model.json, so it is no model") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"--model {name!r}: model.json cannot be read ({error})") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise UserError(f"--model {name!r}: model.json is not of the format {FORMAT!r}, so it is no model of ours")
