"""Recipes: functions that return a full, checked configuration of a run."""

from collections.abc import Callable

from worldreel.recipes.small import small_transformer
from worldreel.recipes.tiny import tiny_autoencoder, tiny_enlarger, tiny_late, tiny_transformer, tiny_wordings
from worldreel.training.runs import Run

RECIPES: dict[str, Callable[[], Run]] = {
    "tiny-autoencoder": tiny_autoencoder,
    "tiny-enlarger": tiny_enlarger,
    "tiny-transformer": tiny_transformer,
    "tiny-late": tiny_late,
    "tiny-wordings": tiny_wordings,
    "small-transformer": small_transformer,
}

__all__ = ["RECIPES"]
