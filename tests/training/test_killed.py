"""A training killed with -9 and resumed gives what one left alone gives, to the last bit."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.training import small
from worldreel.training.run import RunFolder

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", params=["autoencoder", "transformer"])
def alone(request, tmp_path_factory):
    """A run that nobody disturbs."""
    run = tmp_path_factory.mktemp(request.param) / "alone"
    small.trainer(request.param, run).train()
    return run


@pytest.mark.parametrize("moment", ["stepping", "saving"])
def test_killed_and_resumed_equals_left_alone(alone, moment):
    kind, run = alone.parent.name.rstrip("0123456789"), RunFolder(alone.parent / moment)
    command = [sys.executable, "-m", "tests.training.small", kind, str(run.path), moment]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        said = process.stdout.readline()
        process.kill()
    assert said == "hanging\n"
    assert run.rows()[-1]["step"] == (small.EVERY + 2 if moment == "stepping" else 2 * small.EVERY)
    assert [path.name for path in run.checkpoints.glob("[!.]*")] == [f"step-{small.EVERY:08d}"]
    assert bool(list(run.checkpoints.glob(".*"))) == (moment == "saving")

    small.trainer(kind, run.path).train(resume=True)
    timeless = [[{**row, "seconds": 0} for row in folder.rows()] for folder in (RunFolder(alone), run)]
    assert timeless[0] == timeless[1]
    assert [row["step"] for row in run.rows()] == list(range(1, small.STEPS + 1))
    assert not list(run.checkpoints.glob(".*"))
    expected, found = (contents(folder.latest()) for folder in (RunFolder(alone), run))
    assert expected.keys() == found.keys()
    assert [name for name in expected if expected[name] != found[name]] == []
    assert contents(alone / "model") == contents(run.path / "model")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_something_was_learned_and_kept(alone):
    """The run moves, so that equal runs mean something."""
    rows = RunFolder(alone).rows()
    assert len({row["loss"] for row in rows}) == len(rows) == small.STEPS
    names = {path.stem for path in RunFolder(alone).latest().iterdir()}
    assert names >= {"network", "ema", "optimizer"}
    assert list((alone / "previews").glob("*.png"))
    assert (alone / "loss.png").stat().st_size > 1000
