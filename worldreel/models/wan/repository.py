"""A Wan repository in diffusers' layout: which parts it has, their configurations, their files. It reads no weights."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worldreel.checkpoints import shard_paths
from worldreel.errors import UserError

INDEX = "model_index.json"
PIPELINES = ("WanPipeline", "WanImageToVideoPipeline")
PARTS = ("transformer", "vae", "text_encoder", "tokenizer", "scheduler")
WEIGHTS = {"text_encoder": "model", "image_encoder": "model"}
"""How files of weights begin, for parts where transformers wrote them and not diffusers."""

FILES = tuple(f"{part}/*.safetensors" for part in ("transformer", "transformer_2", "vae", "text_encoder", "image_encoder"))
"""All that hold weights which are read."""


@dataclass(frozen=True)
class Repository:
    folder: Path
    index: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path) -> "Repository":
        """Raises UserError for a folder that is not Wan's, or lacks a part."""
        path = folder / INDEX
        index = read_json(path)
        name = index.get("_class_name")
        if name not in PIPELINES:
            raise UserError(f"{path} is of a {name}, which is not loaded here; give a repository of {' or '.join(PIPELINES)}")
        repository = cls(folder, index)
        for part in PARTS:
            if not (folder / part).is_dir():
                raise UserError(f"{folder / part} is missing, without which there is no Wan; fetch the repository again")
        return repository

    def has(self, part: str) -> bool:
        """Whether the index names a part that may be left out."""
        entry = self.index.get(part)
        return isinstance(entry, list) and len(entry) == 2 and entry[1] is not None

    def path(self, part: str, file: str) -> Path:
        return self.folder / part / file

    def config(self, part: str, file: str = "config.json") -> dict[str, Any]:
        """Raises UserError for a file that is missing or no JSON object."""
        return read_json(self.path(part, file))

    def weights(self, part: str) -> list[Path]:
        """Its files of weights. Raises UserError for one that is missing."""
        return shard_paths(self.folder / part, WEIGHTS.get(part, "diffusion_pytorch_model"))


def read_json(path: Path) -> dict[str, Any]:
    """Raises UserError for a file that is missing or no JSON object."""
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path} is missing; fetch the repository again") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read ({error}); fetch the repository again") from error
    if not isinstance(found, dict):
        raise UserError(f"{path} holds no configuration; fetch the repository again")
    return found
