import os
import resource
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from worldreel.cli import main


@dataclass
class Ended:
    status: int
    out: str
    err: str


@pytest.fixture
def work(tmp_path, monkeypatch):
    """An empty folder, which is the current one."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def run(work, capsys):
    """Runs a command in this process."""

    def run(*words):
        status = main([str(word) for word in words])
        captured = capsys.readouterr()
        return Ended(status, captured.out, captured.err)

    return run


@pytest.fixture
def generate(run, model_folder):
    return lambda *words: run("generate", *words, "--model", model_folder)


@pytest.fixture
def refused():
    """Checks that a command ended as every mistake of a user does: status 2, one line, nothing on standard output."""

    def check(ended, *says, status=2):
        assert ended.status == status, ended
        assert ended.out == ""
        assert ended.err.startswith("worldreel") and ended.err.endswith("\n"), ended.err
        assert ended.err.count("\n") == 1, ended.err
        assert "Traceback" not in ended.err
        for part in says:
            assert part in ended.err, ended.err

    return check


@contextmanager
def files_up_to(size):
    """The system refuses to let any file grow beyond `size`. Needs no rights, so it runs everywhere."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def full_disk(tmp_path):
    """A folder with no room left, and how that is said: a small disk where we may mount one, else the limit on files."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)]
    if os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0:
        try:
            with (folder / "other").open("wb", buffering=0) as file:
                for _ in range(4):
                    file.write(bytes(4096))
            yield folder, "disk is full", "No space left"
        finally:
            # Lazily: where the disk is full from the first byte, ffmpeg's MP4 muxer keeps its (deleted) file open.
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
    else:
        (folder / "other").touch()
        with files_up_to(64):
            yield folder, "file too large", "File too large"


@contextmanager
def as_a_mere_user():
    """Root may write anywhere; nobody (65534) may not."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def listing(folder):
    return sorted(path.name for path in Path(folder).iterdir())
