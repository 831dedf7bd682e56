"""Changing what is there by the difference of two predictions (FlowEdit, Kulikov et al. 2024)."""

import torch
from torch import Tensor

from worldreel.sampling.sample import Predict


def flowedit(before: Predict, after: Predict, known: Tensor, generator: torch.Generator) -> Predict:
    """What `sample` is to be asked instead of the model, with `known` [N, C] for noise, so that it walks from what is known to
    what becomes of it (algorithm 1 there, with one draw of noise a step).

    `before` and `after` predict by what is there now and by what is wanted. What is known is noised to the present level, and so
    is what is on the way, with the same noise; the way's clean end is what is known and the difference of the two predictions.
    Where both are the same, nothing changes.
    """

    def predict(tokens: Tensor, levels: Tensor) -> Tensor:
        # On the CPU: the same seed gives the same noise on every device.
        noise = torch.randn(known.shape, generator=generator).to(known)
        hidden = levels[:, None] * (noise - known)
        return known + (after(tokens + hidden, levels) - before(known + hidden, levels))

    return predict
