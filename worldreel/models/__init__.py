"""Models: named bundles of autoencoder, text encoder and transformer, and where to find them."""

from worldreel.models.bundle import Bundle, BundleConfig, Defaults, Expert, Knows, Limits, SolverName
from worldreel.models.library import bundled_names, find_model, load_config, load_model
from worldreel.models.model import Model, ModelConfig

__all__ = [
    "Bundle",
    "BundleConfig",
    "Defaults",
    "Expert",
    "Knows",
    "Limits",
    "Model",
    "ModelConfig",
    "SolverName",
    "bundled_names",
    "find_model",
    "load_config",
    "load_model",
]
