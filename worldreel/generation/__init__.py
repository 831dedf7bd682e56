"""Generation: ONE generate(request), for every mode; and the autoencoder alone, as a codec."""

from worldreel.generation.compression import Compressed, check_latents_target, compress, decompress, read_header
from worldreel.generation.generate import Progress, Watch, carry_out, generate
from worldreel.generation.request import Plan, Request, plan

__all__ = [
    "Compressed",
    "Plan",
    "Progress",
    "Request",
    "Watch",
    "carry_out",
    "check_latents_target",
    "compress",
    "decompress",
    "generate",
    "plan",
    "read_header",
]
