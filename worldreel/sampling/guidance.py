"""Classifier-free guidance (Ho and Salimans 2022)."""

from torch import Tensor


def guided(conditional: Tensor, unconditional: Tensor, scale: float | Tensor, rescale: float = 0.0) -> Tensor:
    """Clean tokens pushed away from what the model would make without the prompt. Scale 1 is no guidance; a tensor is
    one for each token [N, 1].

    `rescale` pulls the spread by token back to the conditional one (Lin et al. 2024, section 3.4): 0 not at all, 1 wholly.
    """
    pushed = unconditional + scale * (conditional - unconditional)
    if rescale == 0:
        return pushed
    fitted = pushed * (conditional.std(dim=1, keepdim=True) / pushed.std(dim=1, keepdim=True).clamp(min=1e-6))
    return rescale * fitted + (1 - rescale) * pushed
