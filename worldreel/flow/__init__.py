"""Flow matching: the straight path from clean data to noise, how noise levels are drawn, and the loss."""

from worldreel.flow.levels import HIGHEST_LEVEL, draw_levels, length_shift, shifted
from worldreel.flow.path import clean_from_velocity, noised, velocity, velocity_loss

__all__ = [
    "HIGHEST_LEVEL",
    "clean_from_velocity",
    "draw_levels",
    "length_shift",
    "noised",
    "shifted",
    "velocity",
    "velocity_loss",
]
