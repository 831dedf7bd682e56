"""Generation: ONE generate(request), for every mode."""

from worldreel.generation.generate import Progress, generate
from worldreel.generation.request import Plan, Request, plan

__all__ = ["Plan", "Progress", "Request", "generate", "plan"]
