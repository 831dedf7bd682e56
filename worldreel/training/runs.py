"""A run: the configuration of a task and its schedule, from which a trainer is made."""

from abc import abstractmethod

import torch

from worldreel.config import Config
from worldreel.training.autoencoding import Autoencoding, AutoencodingConfig
from worldreel.training.enlarging import Enlarging, EnlargingConfig
from worldreel.training.filling import Filling, FillingConfig
from worldreel.training.loop import Schedule
from worldreel.training.task import Task
from worldreel.training.wording import Wording, WordingConfig


class Run(Config):
    schedule: Schedule

    @abstractmethod
    def make_task(self, device: torch.device) -> Task: ...


class AutoencoderRun(Run):
    """Teaches an autoencoder."""

    task: AutoencodingConfig

    def make_task(self, device: torch.device) -> Task:
        return Autoencoding(self.task, device)


class EnlargerRun(Run):
    """Teaches an enlarger, on the latents of a trained autoencoder."""

    task: EnlargingConfig

    def make_task(self, device: torch.device) -> Task:
        return Enlarging(self.task, device)


class TransformerRun(Run):
    """Teaches a text encoder and a transformer, on the latents of a trained autoencoder."""

    task: FillingConfig

    def make_task(self, device: torch.device) -> Task:
        return Filling(self.task, device)


class WordingRun(Run):
    """Teaches a model's text encoder other words for what the model knows."""

    task: WordingConfig

    def make_task(self, device: torch.device) -> Task:
        return Wording(self.task, device)
