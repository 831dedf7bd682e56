"""Models: named bundles of autoencoder, text encoder and transformer, and where to find them."""

from worldreel.models.library import bundled_names, find_model, load_config, load_model
from worldreel.models.model import Knows, Model, ModelConfig

__all__ = ["Knows", "Model", "ModelConfig", "bundled_names", "find_model", "load_config", "load_model"]
