"""`models check` on small random repositories: the same in diffusers, and not the same once weights are changed."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from worldreel.cli import main
from worldreel.evaluation import parity


@pytest.fixture
def check(capsys):
    def run(folder, *words):
        status = main(["models", "check", str(folder), "--frames", "5", *words])
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


@pytest.mark.parametrize(
    ("name", "scheduler", "size"),
    [
        ("2.1 text", "unipc", "48x32"),
        ("2.1 image", "euler", "48x32"),
        ("2.2 A14B text", "euler", "48x32"),
        ("2.2 5B", "unipc", "96x64"),
        ("2.2 5B image", "euler", "96x64"),
    ],
)
def test_steps_are_those_of_diffusers(repository, check, name, scheduler, size):
    folder = repository(name, scheduler)[1]
    status, out, _ = check(folder, "--size", size, "--json")
    told = json.loads(out)
    assert (status, told["ok"], told["dtype"], told["goal"]) == (0, True, "float32", 1e-4)
    assert len(told["errors"]) == 2 and 0 < max(told["errors"]) <= 1e-4


def test_another_network_is_not_ok(repository, check, tmp_path, monkeypatch):
    folder = shutil.copytree(repository("2.1 text")[1], tmp_path / "changed")
    theirs = parity._theirs

    def after_a_change(*given):
        """Between our steps and theirs."""
        for path in (folder / "transformer").glob("*.safetensors"):
            save_file({name: 1.1 * tensor.clone() for name, tensor in load_file(path).items()}, path)
        return theirs(*given)

    monkeypatch.setattr(parity, "_theirs", after_a_change)
    status, out, _ = check(folder, "--size", "48x32")
    assert status == 0
    lines = out.splitlines()
    assert lines[0].startswith("step 1: relative error ") and lines[1].startswith("step 2: relative error ")
    assert lines[2].startswith(f"not ok: {folder} in float32 on ") and lines[2].endswith("0.0001 allowed")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--size", "50x32"), "50x32 with 5 frames is no shape of "),
        (("--size", "48x32", "--frames", "6"), "48x32 with 6 frames is no shape of "),
        (("--size", "48"), "--size '48' is not WIDTHxHEIGHT"),
    ],
)
def test_mistakes(repository, check, words, says):
    status, out, err = check(repository("2.1 text")[1], *words)
    assert (status, out) == (2, "") and err.startswith("worldreel models check: ") and err.count("\n") == 1
    assert says in err


def test_our_own_models_have_no_peer(check, model_folder):
    status, _, err = check(model_folder)
    assert status == 2 and "holds no model_index.json: diffusers does not have it" in err


def test_without_diffusers(check, model_folder, monkeypatch):
    monkeypatch.setattr(parity, "find_spec", lambda name: None)
    status, _, err = check(model_folder)
    assert status == 2 and "comparing needs the package diffusers; install it with: pip install diffusers" in err


def test_the_goal_is_of_the_format(repository, check, monkeypatch):
    for room in ("bundle", "wan.model"):
        monkeypatch.setattr(f"worldreel.models.{room}.compute_dtype", lambda device: torch.bfloat16)
    told = json.loads(check(repository("2.1 text")[1], "--size", "48x32", "--json")[1])
    assert (told["dtype"], told["goal"]) == ("bfloat16", 0.01)
    assert told["ok"] == (max(told["errors"]) <= 0.01) and max(told["errors"]) < 0.03
