"""Latents <-> tokens: patches, their positions, and the packing of many segments into one flat sequence."""

from worldreel.layout import Layout, Span
from worldreel.patches.overlapping import Overlap, overlapping
from worldreel.patches.packing import Segment, pack
from worldreel.patches.patching import Grid, from_tokens, to_tokens

__all__ = ["Grid", "Layout", "Overlap", "Segment", "Span", "from_tokens", "overlapping", "pack", "to_tokens"]
