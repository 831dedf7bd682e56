"""Packages that only Wan needs, imported when they are used."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from worldreel.errors import UserError

NEEDED = ("transformers", "ftfy")


def check_needs() -> None:
    """Raises UserError if a package is missing, before anything is loaded."""
    for name in NEEDED:
        if find_spec(name) is None:
            raise UserError(f"Wan's text encoder needs the package {name}; install it with: pip install 'worldreel[wan]'")


def needed(name: str) -> Any:
    """The package. Raises UserError as `check_needs` does."""
    check_needs()
    return import_module(name)
