"""The table of static word embeddings: one vector a word piece, distilled by `worldreel.text.prepare`."""

from pathlib import Path

from torch import Tensor

from worldreel.checkpoints import load_tensors
from worldreel.errors import UserError

TABLE = "table"
"""The tensor's name in the file."""


def load_table(path: Path) -> Tensor:
    """Reads a table [V, D] in bf16, rows of unit RMS. Raises UserError if `path` holds none."""
    table = load_tensors(path).get(TABLE)
    if table is None or table.ndim != 2:
        raise UserError(f"{path} holds no table {TABLE!r}; make it with `python -m worldreel.text.prepare`")
    return table
