"""Models: named bundles of autoencoder, text encoder and transformer, and where to find them."""

from worldreel.models.bundle import Bundle, BundleConfig, Defaults, Expert, Fast, Knows, Limits, SolverName, band_rows
from worldreel.models.library import bundled_names, find_model, load_config, load_model
from worldreel.models.model import Model, ModelConfig
from worldreel.models.weights import Weights, weights_of

__all__ = [
    "Bundle",
    "BundleConfig",
    "Defaults",
    "Expert",
    "Fast",
    "Knows",
    "Limits",
    "Model",
    "ModelConfig",
    "SolverName",
    "Weights",
    "band_rows",
    "bundled_names",
    "find_model",
    "load_config",
    "load_model",
    "weights_of",
]
