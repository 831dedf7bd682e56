"""Repositories on the hub, with a hub that is a folder: what is fetched, and what is said when it cannot be."""

import errno
import shutil
from fnmatch import fnmatch
from pathlib import Path

import httpx2
import huggingface_hub
import pytest
from huggingface_hub import errors

import worldreel
from tests.conftest import make_model
from worldreel.cli import main
from worldreel.errors import UserError
from worldreel.models import find_model, hub, load_config

NAME = "Owner/small-model"


class Hub:
    """`asked`: the patterns of each call; `failure`: what it raises instead, from call `after` on."""

    def __init__(self, remote: Path, cache: Path):
        self.remote, self.cache = remote, cache / "models--Owner--small-model/snapshots/0123abcd"
        self.asked, self.failure, self.after = [], None, 0

    def snapshot_download(self, name, *, allow_patterns):
        assert name == NAME
        self.asked.append(tuple(allow_patterns))
        if self.failure is not None and len(self.asked) > self.after:
            raise self.failure
        self.cache.mkdir(parents=True, exist_ok=True)
        for path in self.remote.rglob("*"):
            place = path.relative_to(self.remote)
            if path.is_file() and any(fnmatch(str(place), pattern) for pattern in allow_patterns):
                (self.cache / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, self.cache / place)
        return str(self.cache)

    @property
    def files(self):
        return {str(path.relative_to(self.cache)) for path in self.cache.rglob("*") if path.is_file()}


@pytest.fixture
def remote(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    folder = make_model(tmp_path / "remote")
    (folder / "README.md").write_text("words")
    (folder / "samples.mp4").write_bytes(b"0" * 100)
    made = Hub(folder, tmp_path / "cache")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", made.snapshot_download)
    return made


def test_settings_come_first_and_nothing_that_is_not_needed(remote):
    assert load_config(NAME).name == "small"
    assert remote.files == {"model.json", "tokenizer.json"}
    clip = worldreel.load(NAME, "cpu").generate("a dog", seed=1, frames=1)
    weights = {"autoencoder.safetensors", "text.safetensors", "transformer.safetensors"}
    assert remote.files == {"model.json", "tokenizer.json", *weights}
    here = worldreel.load(str(remote.remote), "cpu").generate("a dog", seed=1, frames=1)
    assert (clip.array() == here.array()).all()


def test_a_folder_comes_before_the_hub(remote):
    shutil.copytree(remote.remote, NAME)
    assert find_model(NAME) == Path(NAME)
    assert worldreel.load(NAME, "cpu").name == "small"
    assert remote.asked == []


def test_another_kind_of_repository_is_refused_before_its_weights_are_fetched(remote):
    (remote.remote / "model.json").unlink()
    with pytest.raises(UserError, match="so it is no model"):
        worldreel.load(NAME, "cpu")
    (remote.remote / "model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    with pytest.raises(UserError, match="is of a FluxPipeline, which is not loaded here"):
        worldreel.load(NAME, "cpu")
    assert not any(name.endswith(".safetensors") for name in remote.files)


def answer(status):
    return httpx2.Response(status, request=httpx2.Request("GET", f"https://huggingface.co/api/models/{NAME}"))


FAILURES = {
    "unknown": (
        errors.RepositoryNotFoundError("404 Client Error.\n\nmany lines", response=answer(404)),
        "no such repository on the",
    ),
    "gated": (
        errors.GatedRepoError("403 Client Error.", response=answer(403)),
        f"do so at https://huggingface.co/{NAME}, then run",
    ),
    "down": (errors.HfHubHTTPError("503 Server Error", response=answer(503)), "the hub refused (status 503); try again later"),
    "no network": (errors.LocalEntryNotFoundError("An error\nhappened"), "the hub cannot be reached; check the network"),
    "offline": (errors.OfflineModeIsEnabled("offline"), "the hub cannot be reached"),
    "broken off": (httpx2.ReadTimeout("timed out"), "the hub cannot be reached"),
    "no room": (OSError(errno.ENOSPC, "No space left on device", "x"), "the disk is full; free some space, or set HF_HOME"),
    "no rights": (PermissionError(errno.EACCES, "Permission denied", "x"), "it cannot be fetched (permission denied)"),
}


@pytest.mark.parametrize("after", [0, 2])
@pytest.mark.parametrize("failure", FAILURES)
def test_each_failure_is_one_line(remote, capsys, failure, after):
    """At once, or while weights are fetched."""
    remote.failure, says = FAILURES[failure]
    remote.after = after
    assert main(["generate", "a dog", "--model", NAME, "--out", "x.webp"]) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1
    assert told.err.startswith(f"worldreel generate: --model '{NAME}': ") and says in told.err
    assert list(Path().iterdir()) == []


def test_our_own_mistakes_are_not_hidden(remote):
    remote.failure = KeyError("x")
    with pytest.raises(KeyError):
        load_config(NAME)


def test_without_the_package(remote, monkeypatch):
    monkeypatch.setattr(hub, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"no such folder; to fetch it from the hub: pip install 'worldreel\[wan\]'"):
        load_config(NAME)


@pytest.mark.parametrize("name", ["hal", "./a/b", "/a/b", "a/b/c", "a b/c", "../a", "a/"])
def test_what_is_no_id_is_not_asked_for(remote, name):
    with pytest.raises(UserError, match="no such model; bundled: "):
        load_config(name)
    assert remote.asked == []


def test_a_model_is_called_as_its_repository(tmp_path):
    cached = tmp_path / "models--Wan-AI--Wan2.1-T2V-1.3B-Diffusers/snapshots/0fad780a"
    cached.mkdir(parents=True)
    assert hub.name_of(cached) == "Wan2.1-T2V-1.3B-Diffusers"
    assert hub.name_of(cached.parent) == "snapshots"
