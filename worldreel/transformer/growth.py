"""A deeper transformer from the weights of one with fewer blocks, which predicts the same until it has learned more.

After LLaMA Pro (Wu et al. 2024): blocks spread over the depth come twice, the second time with last layers of zeros.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

PREFIX = "blocks."
LAST = ("attention.out.", "cross.out.", "mlp.2.")
"""What a block adds to the running sum comes out of these."""


def grown(tensors: Mapping[str, Tensor], blocks: int) -> dict[str, Tensor]:
    """The weights of a transformer as those of one with `blocks` of them; with as many or more of its own, unchanged."""
    numbers = {name.split(".")[1] for name in tensors if name.startswith(PREFIX)}
    if not numbers or len(numbers) >= blocks:
        return dict(tensors)
    out = {name: tensor for name, tensor in tensors.items() if not name.startswith(PREFIX)}
    sources = [(2 * number + 1) * len(numbers) // (2 * blocks) for number in range(blocks)]
    for number, source in enumerate(sources):
        again = number > 0 and sources[number - 1] == source
        for name, tensor in tensors.items():
            inner = name.removeprefix(f"{PREFIX}{source}.")
            if inner != name:
                silent = again and inner.startswith(LAST)
                out[f"{PREFIX}{number}.{inner}"] = torch.zeros_like(tensor) if silent else tensor.clone()
    return out
