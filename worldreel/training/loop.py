"""The loop: step, average, log, preview, checkpoint; it stops at its time limit and goes on from there bit for bit."""

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch

from worldreel.config import Config
from worldreel.errors import UserError
from worldreel.training.curve import draw_curve
from worldreel.training.ema import Average
from worldreel.training.optimizers import load_optimizer_state, optimizer_state
from worldreel.training.run import RunFolder
from worldreel.training.task import Task


class Schedule(Config):
    """How long, how fast, and how often to look."""

    steps: int
    warmup: int = 100
    final_rate: float = 0.02
    """The learning rate falls along a cosine to this share of its peak."""
    ema: float = 0.999
    gradient_norm: float = 1.0
    log_every: int = 20
    preview_every: int = 1000
    checkpoint_every: int = 500
    timed: bool = False
    """Whether the rate falls along the time limit instead of the steps, on machines that one has for so long: however fast they
    are, it has fallen at the end. What comes out then depends on how fast they were."""

    def rate(self, step: int, gone: float | None = None) -> float:
        """The share of the peak learning rate at a step; `gone`: the share of the time that is over, if that is to count."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        along = (step - self.warmup) / max(1, self.steps - self.warmup) if gone is None else gone
        along = min(1.0, along)
        return self.final_rate + (1 - self.final_rate) * 0.5 * (1 + math.cos(math.pi * along))


class Trainer:
    """Trains a task in a folder. `watch` is called with each log row."""

    def __init__(
        self, task: Task, schedule: Schedule, folder: Path, watch: Callable[[dict[str, float]], None] = lambda row: None
    ) -> None:
        self.task, self.schedule, self.run, self.watch = task, schedule, RunFolder(folder), watch
        self.optimizers = task.optimizers()
        self.peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in self.optimizers]
        self.average = Average(task.network, schedule.ema)
        self.step = 0
        self.earlier_seconds = 0.0

    def train(self, resume: bool = False, time_limit: float | None = None) -> Path:
        """Runs to the last step or the time limit (seconds). Returns the folder of the weights to use."""
        if self.schedule.timed and time_limit is None:
            raise UserError("schedule.timed: the rate falls along a time limit; give one (--time-limit 30m)")
        self.run.create()
        self.run.claim(resume)
        if resume:
            self._restore()
        self.run.forget_after(self.step)
        start = time.monotonic()
        while self.step < self.schedule.steps:
            gone = (time.monotonic() - start) / time_limit if self.schedule.timed and time_limit is not None else None
            row = self._one_step(self.schedule.rate(self.step, gone))
            row["seconds"] = self.earlier_seconds + time.monotonic() - start
            self._record(row)
            if time_limit is not None and time.monotonic() - start > time_limit:
                break
        if self.schedule.timed:
            self._show()
        self._save()
        self.task.export(self.average.network, self.run.model)
        return self.run.model

    def _one_step(self, share: float) -> dict[str, float]:
        for optimizer, peaks in zip(self.optimizers, self.peaks, strict=True):
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * share
        loss = self.task.loss(self.step)
        if not loss.total.isfinite():  # before it spoils the weights, the average and, at the next checkpoint, the way back
            raise UserError(
                f"the loss is {loss.total.item()} at step {self.step + 1}: the run diverged; "
                "go on from its last checkpoint with lower rates (--resume --set task.muon_rate=...)"
            )
        loss.total.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.task.network.parameters(), self.schedule.gradient_norm)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.average.update(self.task.network, self.step)
        self.step += 1
        return {"step": self.step, "loss": loss.total.item(), "gradient": norm.item(), "rate": share, **loss.parts}

    def _record(self, row: dict[str, float]) -> None:
        last = self.step == self.schedule.steps
        if self.step % self.schedule.log_every == 0 or last:
            self.run.log(row)
            self.watch(row)
        if self.step % self.schedule.preview_every == 0 or last:
            self._show()
        if self.step % self.schedule.checkpoint_every == 0:
            self._save()

    def _show(self) -> None:
        with self.run.writing():
            self.task.preview(self.average.network, self.run.previews, self.step)
            draw_curve(self.run.rows(), self.run.path / "loss.png")

    def _save(self) -> Path:
        return self.run.save(
            self.step,
            {
                "network": self.task.network.state_dict(),
                "ema": self.average.network.state_dict(),
                "optimizer": optimizer_state(self.optimizers),
                "task": self.task.state(),
            },
        )

    def _restore(self) -> None:
        checkpoint = self.run.latest()
        assert checkpoint is not None
        self.step, parts = self.run.load(checkpoint)
        try:
            self.task.network.load_state_dict(parts["network"])
            self.average.network.load_state_dict(parts["ema"])
        except RuntimeError as error:
            raise UserError(f"--resume: {checkpoint} is of another configuration; resume with the one it began with") from error
        load_optimizer_state(self.optimizers, parts["optimizer"])
        self.task.load_state(parts.get("task", {}))
        rows = [row for row in self.run.rows() if row["step"] <= self.step]
        self.earlier_seconds = rows[-1]["seconds"] if rows else 0.0
