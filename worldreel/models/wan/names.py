"""Renaming of weights: every tensor of the source must find its place, once."""

import re
from collections.abc import Callable, Mapping

from torch import Tensor

from worldreel.errors import UserError

Reshape = Callable[[Tensor], Tensor]


def as_it_is(tensor: Tensor) -> Tensor:
    return tensor


def renamed(source: Mapping[str, Tensor], table: Mapping[str, tuple[str, Reshape]], what: str) -> dict[str, Tensor]:
    """Tensors under our names. `table`: a regular expression for a whole name -> ours (with groups), and how its shape changes.

    Raises UserError for a tensor that no row of the table knows.
    """
    patterns = [(re.compile(pattern), name, reshape) for pattern, (name, reshape) in table.items()]
    found: dict[str, Tensor] = {}
    for key, tensor in source.items():
        for pattern, name, reshape in patterns:
            match = pattern.fullmatch(key)
            if match:
                found[match.expand(name)] = reshape(tensor)
                break
        else:
            raise UserError(f"{what} holds {key!r}, which no Wan that we know has; give the weights of one")
    return found
