"""A run: the configuration of a task and its schedule, from which a trainer is made."""

from pathlib import Path

import torch

from worldreel.config import Config
from worldreel.training.autoencoding import Autoencoding, AutoencodingConfig
from worldreel.training.loop import Schedule
from worldreel.training.task import Task


class AutoencoderRun(Config):
    """Teaches the autoencoder."""

    task: AutoencodingConfig
    schedule: Schedule

    def make_task(self, device: torch.device) -> Task:
        return Autoencoding(self.task, device)
