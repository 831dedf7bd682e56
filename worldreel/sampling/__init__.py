"""Sampling: schedules, steps and guidance. Sees a model only as a callable from noisy tokens to clean ones."""

from worldreel.sampling.flowedit import flowedit
from worldreel.sampling.guidance import guided
from worldreel.sampling.sample import Predict, Step, sample
from worldreel.sampling.schedule import schedule
from worldreel.sampling.solvers import Euler, Multistep, Solver, Stochastic, UniPC
from worldreel.sampling.whole import Again, sample_whole

__all__ = [
    "Again",
    "Euler",
    "Multistep",
    "Predict",
    "Solver",
    "Step",
    "Stochastic",
    "UniPC",
    "flowedit",
    "guided",
    "sample",
    "sample_whole",
    "schedule",
]
