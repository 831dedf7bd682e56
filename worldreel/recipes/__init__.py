"""Recipes: functions that return a full, checked configuration of a run."""

from worldreel.recipes.tiny import tiny_autoencoder

RECIPES = {"tiny-autoencoder": tiny_autoencoder}

__all__ = ["RECIPES"]
