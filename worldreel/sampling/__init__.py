"""Sampling: schedules, steps and guidance. Sees a model only as a callable from noisy tokens to clean ones."""

from worldreel.sampling.euler import Step, sample
from worldreel.sampling.guidance import guided
from worldreel.sampling.schedule import schedule

__all__ = ["Step", "guided", "sample", "schedule"]
