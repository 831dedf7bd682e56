"""Configurations: frozen values that load, save and refuse keys they do not know."""

import json
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from worldreel.errors import UserError


class Config(BaseModel):
    """Base of every configuration. Frozen, typed, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads JSON. Raises UserError that names the file and the first key at fault."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise UserError(f"{path}: {first_fault(error)}") from error

    def save(self, path: Path) -> None:
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    def changed(self, assignments: list[str]) -> Self:
        """A copy with `KEY=VALUE` assignments applied; dots reach into nested configurations, values are JSON or text.

        Raises UserError for an unknown key or a value of the wrong type.
        """
        data: dict[str, object] = self.model_dump(mode="json")
        for assignment in assignments:
            key, equals, text = assignment.partition("=")
            if not equals:
                raise UserError(f"--set {assignment!r} is not KEY=VALUE")
            *parents, leaf = key.split(".")
            target: object = data
            for parent in parents:
                target = target.get(parent) if isinstance(target, dict) else None
            if not isinstance(target, dict) or leaf not in target:
                raise UserError(f"--set {assignment!r}: no setting {key!r}; there are {', '.join(data)}")
            target[leaf] = _json_or_text(text)
        try:
            return type(self).model_validate(data)
        except ValidationError as error:
            raise UserError(f"--set {' '.join(assignments)}: {first_fault(error)}") from error


def _json_or_text(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def first_fault(error: OSError | ValidationError) -> str:
    """In one line."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    fault = error.errors()[0]
    place = ".".join(str(part) for part in fault["loc"]) or "the whole file"
    return f"{place}: {fault['msg']}"
