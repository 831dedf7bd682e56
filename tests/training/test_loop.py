"""The loop and its folder, on a task that takes no time."""

import itertools
import json
import math
import resource
from contextlib import suppress
from itertools import pairwise

import pytest
import torch
from PIL import Image
from torch import nn

from worldreel.errors import UserError
from worldreel.training import loop
from worldreel.training.loop import Schedule, Trainer
from worldreel.training.run import RunFolder
from worldreel.training.task import Loss

SCHEDULE = Schedule(steps=10, warmup=1, ema=0.5, log_every=1, preview_every=4, checkpoint_every=3)


class Line:
    """Learns y = 2 x."""

    def __init__(self, inputs=1):
        torch.manual_seed(0)
        self.network = nn.Linear(inputs, 1)
        self.shown = []

    def optimizers(self):
        return [torch.optim.Adam(self.network.parameters(), lr=0.1)]

    def loss(self, step):
        x = torch.randn(8, self.network.in_features, generator=torch.Generator().manual_seed(step))
        return Loss(((self.network(x) - 2 * x.sum(1, keepdim=True)) ** 2).mean(), {"step squared": float(step**2)})

    def preview(self, network, folder, step):
        self.shown.append((step, folder.name, network is not self.network))

    def export(self, network, folder):
        folder.mkdir(exist_ok=True)
        (folder / "weight").write_text(str(network.weight.tolist()))

    def state(self):
        return {}

    def load_state(self, state):
        pass


class Killed(BaseException):
    pass


def train(folder, until=None, schedule=SCHEDULE, inputs=1, **options):
    """Trains; with `until`, it is killed after that step."""

    def watch(row):
        if row["step"] == until:
            raise Killed

    trainer = Trainer(Line(inputs), schedule, folder, watch)
    with suppress(Killed):
        trainer.train(**options)
    return RunFolder(folder)


def steps(run):
    return [row["step"] for row in run.rows()]


def checkpoints(run):
    return sorted(path.name for path in run.checkpoints.iterdir())


def test_the_rate_falls_along_the_time_that_there_is(tmp_path, monkeypatch):
    """By a clock that goes on by a second at each look: two looks a step."""
    clock = itertools.count(100.0)
    monkeypatch.setattr(loop.time, "monotonic", lambda: next(clock))
    schedule = SCHEDULE.model_copy(update={"steps": 10_000, "warmup": 4, "timed": True, "preview_every": 10_000})
    run = train(tmp_path / "run", schedule=schedule, time_limit=200.0)
    rates = [row["rate"] for row in run.rows()]
    assert 60 < len(rates) < 110
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert all(one > other for one, other in pairwise(rates[4:]))
    assert rates[-1] == pytest.approx(schedule.final_rate, abs=2e-3)
    assert rates[len(rates) // 2] == pytest.approx(0.5, abs=0.06)
    assert (tmp_path / "run/loss.png").exists()


def test_a_timed_run_wants_a_limit(tmp_path):
    with pytest.raises(UserError, match="--time-limit 30m"):
        train(tmp_path / "run", schedule=SCHEDULE.model_copy(update={"timed": True}))
    assert not (tmp_path / "run").exists()


def test_a_run_leaves_log_curve_checkpoints_previews_and_model(tmp_path):
    task, seen = Line(), []
    trainer = Trainer(task, SCHEDULE, tmp_path / "run", seen.append)
    assert trainer.train() == tmp_path / "run/model"
    assert seen == trainer.run.rows()
    assert steps(trainer.run) == list(range(1, 11))
    assert seen[4]["step squared"] == 16
    assert seen[-1]["loss"] < seen[0]["loss"]
    assert task.shown == [(step, "previews", True) for step in (4, 8, 10)]
    assert checkpoints(trainer.run) == ["step-00000009", "step-00000010"]
    with Image.open(tmp_path / "run/loss.png") as picture:
        assert len(picture.getcolors(100_000)) > 3
    assert (tmp_path / "run/model/weight").exists()


def test_the_loss_falls_to_what_can_be_learned(tmp_path):
    run = train(tmp_path, schedule=SCHEDULE.model_copy(update={"steps": 150, "log_every": 150}))
    assert steps(run) == [150]
    assert run.rows()[0]["loss"] < 1e-2


def test_resuming_drops_the_rows_after_the_checkpoint(tmp_path):
    whole = train(tmp_path / "whole")
    run = train(tmp_path / "run", until=5)
    assert steps(run) == [1, 2, 3, 4, 5]
    with run.log_path.open("a") as file:
        file.write('{"step": 6, "los')  # the kill came in the middle of a line
    assert steps(run) == [1, 2, 3, 4, 5]
    train(tmp_path / "run", resume=True)
    assert [{**row, "seconds": 0} for row in run.rows()] == [{**row, "seconds": 0} for row in whole.rows()]
    assert (run.model / "weight").read_text() == (whole.model / "weight").read_text()


def test_time_goes_on_where_it_was(tmp_path):
    run = train(tmp_path, until=5)
    rows = [{**row, "seconds": 1000.0 * row["step"]} for row in run.rows()]
    run.log_path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    train(tmp_path, resume=True)
    assert 3000 <= run.rows()[3]["seconds"] < 3100


def test_half_written_checkpoints_are_invisible(tmp_path):
    run = train(tmp_path, until=5)
    half = run.checkpoints / ".step-00000006-abc"
    half.mkdir()
    (half / "network.safetensors").write_bytes(b"half")
    assert run.latest().name == "step-00000003"
    with pytest.raises(UserError):  # who is refused clears nothing away: the run may be alive
        train(tmp_path)
    assert half.exists()
    train(tmp_path, resume=True)
    assert checkpoints(run) == ["step-00000009", "step-00000010"]


def test_a_run_is_not_begun_again_nor_resumed_from_nothing(tmp_path):
    with pytest.raises(UserError, match="holds no checkpoint; start it without --resume"):
        train(tmp_path, resume=True)
    train(tmp_path, until=5)
    with pytest.raises(UserError, match="holds a run already; add --resume"):
        train(tmp_path)


def test_what_died_before_its_first_checkpoint_begins_anew(tmp_path):
    run = train(tmp_path, until=2)
    assert steps(run) == [1, 2]
    train(tmp_path)
    assert steps(run) == list(range(1, 11))


def test_another_network_is_not_resumed(tmp_path):
    train(tmp_path, until=5)
    with pytest.raises(UserError, match="step-00000003 is of another configuration"):
        train(tmp_path, resume=True, inputs=2)


@pytest.mark.parametrize(("room", "preview_every"), [(6000, 100), (2000, 5)], ids=["for no checkpoint", "for no picture"])
def test_a_full_disk_leaves_the_last_checkpoint_whole(tmp_path, room, preview_every):
    run = train(tmp_path, until=4, inputs=2000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(UserError, match="cannot be written"):
            train(tmp_path, resume=True, inputs=2000, schedule=SCHEDULE.model_copy(update={"preview_every": preview_every}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert checkpoints(run) == ["step-00000003"]
    train(tmp_path, resume=True, inputs=2000)
    assert steps(run) == list(range(1, 11))


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--out .*file/run cannot be written \(Not a directory\)"):
        train(tmp_path / "file/run")


def test_a_time_limit_stops_with_a_checkpoint_and_the_model_so_far(tmp_path):
    run = train(tmp_path, time_limit=0)
    assert steps(run) == [1]
    assert checkpoints(run) == ["step-00000001"]
    assert (run.model / "weight").exists()
    train(tmp_path, resume=True)
    assert steps(run) == list(range(1, 11))


def test_a_finished_run_may_be_resumed_to_no_effect(tmp_path):
    run = train(tmp_path)
    rows = run.rows()
    train(tmp_path, resume=True)
    assert run.rows() == rows


def test_rates_rise_then_fall_along_a_cosine():
    schedule = Schedule(steps=110, warmup=10, final_rate=0.1)
    rates = [schedule.rate(step) for step in range(110)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates[10] == 1
    assert rates[60] == pytest.approx(0.55)
    assert rates[85] == pytest.approx(0.1 + 0.9 * (1 - math.sqrt(0.5)) / 2)
    assert schedule.rate(110) == schedule.rate(200) == pytest.approx(0.1)
    assert all(later < earlier for earlier, later in pairwise(rates[10:]))


def test_a_run_that_diverges_stops_before_it_spoils_its_checkpoint(tmp_path):
    class Diverging(Line):
        def loss(self, step):
            loss = super().loss(step)
            return loss._replace(total=loss.total * float("nan")) if step == 3 else loss

    trainer = Trainer(Diverging(), Schedule(steps=5, warmup=1, checkpoint_every=2, log_every=1), tmp_path / "run")
    with pytest.raises(UserError, match="step 4: the run diverged"):
        trainer.train()
    latest = trainer.run.latest()
    assert latest is not None and latest.name == "step-00000002"
    assert all(tensor.isfinite().all() for tensor in trainer.run.load(latest)[1]["network"].values())
