"""Assets: prepared files that lie in the repository beside the package, and are not in the wheel."""

import os
from pathlib import Path

from worldreel.errors import UserError


def asset(name: str) -> Path:
    """Where an asset lies: in `WORLDREEL_ASSETS`, or in `assets/` of the checkout. Raises UserError if it is not there."""
    folder = Path(os.environ.get("WORLDREEL_ASSETS") or Path(__file__).parents[1] / "assets")
    path = folder / name
    if not path.is_file():
        raise UserError(f"{path}: no such asset; work in a checkout of the repository or set WORLDREEL_ASSETS to its assets/")
    return path
