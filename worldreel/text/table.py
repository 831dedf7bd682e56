"""The table of static word embeddings: one vector a word piece, distilled by `worldreel.text.prepare`, in 8 bits."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldreel.checkpoints import load_tensors
from worldreel.errors import UserError

MOST = 127
NAME = "table"
"""Its name in a file of a text encoder's weights."""


class WordTable(nn.Module):
    """Vectors [V, D] as whole numbers up to 127 and a scale by row: an error of at most 1/254 of a row's largest value.

    Buffers: saved with the weights, and out of every optimizer's reach.
    """

    rows: Tensor
    scale: Tensor

    def __init__(self, table: Tensor) -> None:
        """`table` [V, D]; one that was read from such a file stays exactly as it was."""
        super().__init__()
        scale = table.float().abs().amax(dim=1).clamp(min=1e-12) / MOST
        self.register_buffer("rows", (table.float() / scale[:, None]).round().to(torch.int8))
        self.register_buffer("scale", scale)

    def forward(self, pieces: Tensor) -> Tensor:
        """Vectors [N, D] in fp32 of pieces [N]."""
        return F.embedding(pieces, self.rows).float() * self.scale[pieces, None]

    def whole(self) -> Tensor:
        """[V, D] in fp32."""
        return self.rows.float() * self.scale[:, None]


def load_table(path: Path) -> Tensor:
    """Reads a table [V, D] in fp32, rows of unit RMS. Raises UserError if `path` holds none."""
    tensors = load_tensors(path)
    rows, scale = (tensors.get(f"{NAME}.{part}") for part in ("rows", "scale"))
    if rows is None or rows.ndim != 2 or rows.dtype != torch.int8 or scale is None or scale.shape != rows.shape[:1]:
        raise UserError(f"{path} holds no table of words; make it with `python -m worldreel.text.prepare`")
    return rows.float() * scale[:, None]


def stored_table(table: Tensor) -> dict[str, Tensor]:
    """A table [V, D] under the names by which `load_table` and a text encoder find it."""
    return {f"{NAME}.{part}": tensor for part, tensor in WordTable(table).state_dict().items()}
