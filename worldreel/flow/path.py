"""The straight path x_t = (1 - t) x_0 + t e (Lipman et al. 2023; Liu et al. 2023): t = 0 is data, t = 1 is noise."""

from torch import Tensor

LEAST_LEVEL = 0.05
"""Below this level the velocity's weight 1/t^2 stops growing: what is left to clean there is next to nothing."""


def noised(clean: Tensor, noise: Tensor, levels: Tensor) -> Tensor:
    """Tokens [N, C] at their levels [N]."""
    t = levels[:, None]
    return (1 - t) * clean + t * noise


def velocity(noisy: Tensor, clean: Tensor, levels: Tensor) -> Tensor:
    """dx/dt = e - x_0 = (x_t - x_0) / t. Zero where the level is 0: such tokens do not move."""
    t = levels[:, None]
    return (noisy - clean) / t.clamp(min=1e-6) * (t > 0)


def clean_from_velocity(noisy: Tensor, predicted: Tensor, levels: Tensor) -> Tensor:
    """x_0 = x_t - t v."""
    return noisy - levels[:, None] * predicted


def velocity_loss(predicted_clean: Tensor, clean: Tensor, levels: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean squared error of the velocity that predicted clean tokens imply, |x - x_0|^2 / max(t, 0.05)^2, over tokens that
    are not given (level above 0). `weights`: how much each error counts, [N, C] or what broadcasts to it."""
    weight = (levels > 0) / levels.clamp(min=LEAST_LEVEL) ** 2
    squares = (predicted_clean - clean) ** 2
    errors = (squares if weights is None else weights * squares).mean(dim=1)
    return (errors * weight).sum() / (levels > 0).sum().clamp(min=1)
