"""Generation: ONE generate(request), for every mode; and the autoencoder alone, as a codec."""

from worldreel.generation.composing import carry_out, generate, placement
from worldreel.generation.compression import Compressed, check_latents_target, compress, decompress, read_header
from worldreel.generation.filling import Progress, Watch
from worldreel.generation.memory import Device, Placement
from worldreel.generation.plan import Plan, Settings, bounds, plan

__all__ = [
    "Compressed",
    "Device",
    "Placement",
    "Plan",
    "Progress",
    "Settings",
    "Watch",
    "bounds",
    "carry_out",
    "check_latents_target",
    "compress",
    "decompress",
    "generate",
    "placement",
    "plan",
    "read_header",
]
