"""The diffusion transformer: tokens, noise levels and text in, a prediction by token out. Knows no loss and no sampler."""

from worldreel.transformer.network import Transformer, TransformerConfig

__all__ = ["Transformer", "TransformerConfig"]
