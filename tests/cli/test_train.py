import json
import os
import signal

import pytest
import torch
from torch import nn

from tests.cli.conftest import listing
from worldreel.cli.train import commit, parse_time
from worldreel.errors import UserError
from worldreel.recipes import RECIPES
from worldreel.training.loop import Schedule
from worldreel.training.runs import Run
from worldreel.training.task import Loss


class Line:
    """Learns y = 2 x. `stop` is called in each step."""

    stop = staticmethod(lambda step: None)

    def __init__(self, rate):
        torch.manual_seed(0)
        self.network, self.rate = nn.Linear(1, 1), rate

    def optimizers(self):
        return [torch.optim.Adam(self.network.parameters(), lr=self.rate)]

    def loss(self, step):
        Line.stop(step)
        x = torch.randn(8, 1, generator=torch.Generator().manual_seed(step))
        return Loss(((self.network(x) - 2 * x) ** 2).mean(), {})

    def preview(self, network, folder, step):
        pass

    def export(self, network, folder):
        folder.mkdir(exist_ok=True)
        (folder / "weight").write_text(str(network.weight.item()))

    def state(self):
        return {}

    def load_state(self, state):
        pass


class LineRun(Run):
    rate: float = 0.1

    def make_task(self, device):
        return Line(self.rate)


@pytest.fixture(autouse=True)
def line(monkeypatch):
    schedule = Schedule(steps=10, warmup=1, log_every=2, checkpoint_every=4)
    monkeypatch.setitem(RECIPES, "line", lambda: LineRun(schedule=schedule))
    monkeypatch.setattr(Line, "stop", staticmethod(lambda step: None))


def test_a_run_leaves_what_it_takes_to_repeat_it(run, work):
    ended = run("train", "line", "--set", "schedule.steps=6", "--set", "rate=0.2", "--out", "mine", "--device", "cpu", "--json")
    result = json.loads(ended.out)
    assert (ended.status, result["model"], result["last"]["step"]) == (0, "mine/model", 6)
    assert [row.split()[1] for row in ended.err.splitlines()] == ["2/6", "4/6", "6/6"]
    config = json.loads((work / "mine/config.json").read_text())
    assert (config["rate"], config["schedule"]["steps"]) == (0.2, 6)
    record = json.loads((work / "mine/run.json").read_text())
    [start] = record["starts"]
    assert record["recipe"] == "line" and start["settings"] == ["schedule.steps=6", "rate=0.2"]
    assert start["commit"] == commit() and start["versions"]["torch"] == torch.__version__ and "threads" in start["hardware"]


def test_without_a_name_each_run_is_a_new_folder(run, work):
    for _ in range(2):
        assert run("train", "line", "--device", "cpu").status == 0
    assert listing(work / "runs") == ["line", "line-2"]


def test_a_run_that_is_there_is_not_begun_again(run, refused, work):
    run("train", "line", "--out", "mine", "--device", "cpu")
    refused(run("train", "line", "--out", "mine"), "--out mine holds a run already; add --resume to go on with it")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_by_a_signal_and_resumed(run, work, monkeypatch, number):
    run("train", "line", "--out", "whole", "--set", "rate=0.3", "--device", "cpu")
    monkeypatch.setattr(Line, "stop", staticmethod(lambda step: os.kill(os.getpid(), number) if step == 6 else None))
    ended = run("train", "line", "--out", "mine", "--set", "rate=0.3", "--device", "cpu")
    assert (ended.status, ended.out) == (130, "")
    way_on = "interrupted; go on from step-00000004 with: worldreel train line --out mine --resume"
    assert ended.err.splitlines()[-1] == f"worldreel train: {way_on}"
    assert listing(work / "mine/checkpoints") == ["step-00000004"]
    monkeypatch.setattr(Line, "stop", staticmethod(lambda step: None))
    assert run("train", "line", "--out", "mine", "--resume", "--device", "cpu").status == 0  # at the run's own rate
    assert (work / "mine/model/weight").read_text() == (work / "whole/model/weight").read_text()
    assert [start["resume"] for start in json.loads((work / "mine/run.json").read_text())["starts"]] == [False, True]


def test_stopped_before_the_first_checkpoint(run, work, monkeypatch):
    monkeypatch.setattr(Line, "stop", staticmethod(lambda step: os.kill(os.getpid(), signal.SIGINT)))
    ended = run("train", "line", "--device", "cpu")
    assert ended.status == 130
    assert ended.err == "worldreel train: interrupted before the first checkpoint; runs/line holds nothing to go on with\n"


def test_a_time_limit_stops_it_and_resuming_finds_the_newest_run(run, work):
    assert run("train", "line", "--time-limit", "0.0001s", "--device", "cpu").status == 0
    assert listing(work / "runs/line/checkpoints") == ["step-00000001"]
    ended = run("train", "line", "--resume", "--device", "cpu", "--json")
    assert json.loads(ended.out)["run"] == "runs/line"
    assert listing(work / "runs/line/checkpoints")[-1] == "step-00000010"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("lines",),
            "no recipe 'lines'; there are line, small-transformer, tiny-autoencoder, tiny-enlarger, tiny-late, "
            "tiny-transformer, tiny-wordings",
        ),
        (("line", "--set", "rate"), "--set 'rate' is not KEY=VALUE"),
        (("line", "--set", "speed=1"), "--set 'speed=1': no setting 'speed'; there are"),
        (("line", "--set", "schedule.steps=many"), "schedule.steps: Input should be a valid integer"),
        (("line", "--time-limit", "soon"), "--time-limit 'soon' is not a time above 0; write it as 90s, 30m, 1h"),
        (("line", "--resume"), "--resume: runs/ holds no run of line"),
        (("line", "--resume", "--out", "mine"), "--resume: mine holds no checkpoint"),
        (("line", "--device", "abacus"), "--device 'abacus' is not available here"),
        ((), "missing RECIPE"),
    ],
)
def test_what_cannot_be_trained(run, refused, work, words, says):
    refused(run("train", *words), says)
    assert listing(work) == []


def test_a_run_of_another_recipe_is_not_resumed(run, refused, work, monkeypatch):
    run("train", "line", "--out", "mine", "--device", "cpu")
    monkeypatch.setitem(RECIPES, "curve", RECIPES["line"])
    refused(run("train", "curve", "--out", "mine", "--resume"), "mine was begun by the recipe 'line', not 'curve'")


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("1h", 3600), ("1h30m", 5400), ("0.5h", 1800)])
def test_times(text, seconds):
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "0s", "-1s", "1d", "h", "1e3s", "nan", "٣s"])
def test_what_is_no_time(text):
    with pytest.raises(UserError, match="is not a time above 0"):
        parse_time(text)


def test_the_commit_of_a_package_outside_of_any_checkout(tmp_path):
    assert commit(tmp_path) == "unknown"
