"""The video compression network: video <-> latents, causal in time, exact when streamed."""

from worldreel.autoencoder.enlarger import Enlarger, EnlargerConfig
from worldreel.autoencoder.network import Autoencoder, AutoencoderConfig
from worldreel.autoencoder.refining import refined_stream
from worldreel.autoencoder.streaming import decode_stream, encode_stream

__all__ = ["Autoencoder", "AutoencoderConfig", "Enlarger", "EnlargerConfig", "decode_stream", "encode_stream", "refined_stream"]
