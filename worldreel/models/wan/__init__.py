"""Wan's open weights (Wan et al. 2025), as diffusers lays them out, in our own networks. No other room knows the name."""

from worldreel.models.wan.autoencoder import autoencoder_config, autoencoder_weights
from worldreel.models.wan.config import WanConfig, load_config
from worldreel.models.wan.model import Wan, load_model
from worldreel.models.wan.repository import FILES, INDEX
from worldreel.models.wan.transformer import transformer_config, transformer_weights

__all__ = [
    "FILES",
    "INDEX",
    "Wan",
    "WanConfig",
    "autoencoder_config",
    "autoencoder_weights",
    "load_config",
    "load_model",
    "transformer_config",
    "transformer_weights",
]
