"""Wan's open weights (Wan et al. 2025), as diffusers lays them out, in our own networks. No other room knows the name."""

from worldreel.models.wan.autoencoder import autoencoder_config, autoencoder_weights
from worldreel.models.wan.transformer import transformer_config, transformer_weights

__all__ = ["autoencoder_config", "autoencoder_weights", "transformer_config", "transformer_weights"]
