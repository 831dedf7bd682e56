import json
import shutil

import pytest

from worldreel.models import library


@pytest.fixture
def bundled(monkeypatch, model_folder, tmp_path):
    shutil.copytree(model_folder, tmp_path / "bundled/small")
    monkeypatch.setattr(library, "BUNDLED", tmp_path / "bundled")


def test_the_list_says_what_models_know(run, bundled):
    ended = run("models")
    assert (ended.status, ended.err) == (0, "")
    for part in ("small: Nothing, it is noise.", "dog, cat", "blue", "32x32", "up to 2 s at 12 fps"):
        assert part in ended.out


def test_details_of_one(run, bundled):
    out = run("models", "small").out
    assert "32x32, 0.5 s at 12 fps, 2 steps, guidance 4" in out
    assert "sides of 2048, 60 s, 65,536 tokens" in out


def test_json(run, bundled, model_folder):
    [model] = json.loads(run("models", "--json").out)["models"]
    assert model["name"] == "small" and model["knows"]["subjects"] == ["dog", "cat"]
    [named] = json.loads(run("models", model_folder, "--json").out)["models"]
    assert named["load"] == str(model_folder) and named["limits"]["side"] == 2048


def test_an_unknown_model(run, refused, bundled):
    refused(run("models", "hal"), "--model 'hal': no such model; bundled: small")


def test_none_bundled(run, monkeypatch, tmp_path):
    monkeypatch.setattr(library, "BUNDLED", tmp_path)
    ended = run("models", "--json")
    assert json.loads(ended.out) == {"models": []}
    assert "no model is bundled here" in ended.err
