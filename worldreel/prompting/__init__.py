"""Prompting: the canvas, and one file for each way to fill one. A canvas is a plain value; it knows no codec and no model."""

from worldreel.prompting.bounds import Bounds
from worldreel.prompting.canvas import Canvas, Cue, Run
from worldreel.prompting.composition import Composition, Made
from worldreel.prompting.modes import MODES, find_modes

find_modes(__name__, __path__)

__all__ = ["MODES", "Bounds", "Canvas", "Composition", "Cue", "Made", "Run"]
