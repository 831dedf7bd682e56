"""What the loop asks of a task. Everything random in a task is drawn from (seed, step): resuming repeats and skips nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn


class Loss(NamedTuple):
    """The value to descend and the parts to log."""

    total: Tensor
    parts: Mapping[str, float]


class Task(Protocol):
    @property
    def network(self) -> nn.Module:
        """What is trained; its weights are fp32."""

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Each group's `lr` is its peak rate, which the loop schedules."""

    def loss(self, step: int) -> Loss: ...

    def preview(self, network: nn.Module, folder: Path, step: int) -> None:
        """Writes pictures of what the (averaged) network makes now, for fixed inputs."""

    def export(self, network: nn.Module, folder: Path) -> None:
        """Writes what the (averaged) network is for: weights as a model folder has them, in bf16."""

    def state(self) -> dict[str, Tensor]:
        """What must survive a restart beside the weights, such as cached latents."""

    def load_state(self, state: Mapping[str, Tensor]) -> None: ...
