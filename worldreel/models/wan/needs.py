"""Packages that only Wan needs, imported when they are used."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import nn

from worldreel.errors import UserError

NEEDED = ("transformers", "ftfy")


def check_needs() -> None:
    """Raises UserError if a package is missing, before anything is loaded."""
    for name in NEEDED:
        if find_spec(name) is None:
            raise UserError(f"Wan's text encoder needs the package {name}; install it with: pip install 'worldreel[wan]'")


def build(path: Path, make: Callable[[], nn.Module]) -> nn.Module:
    """A network of transformers. Raises UserError naming the configuration that describes none."""
    try:
        return make()
    except Exception as error:  # there are many kinds, one for each thing that can be wrong
        reason = " ".join(str(error).split())
        raise UserError(f"{path} describes no network that can be built ({reason}); fetch the repository again") from error


def needed(name: str) -> Any:
    """The package. Raises UserError as `check_needs` does."""
    check_needs()
    return import_module(name)
