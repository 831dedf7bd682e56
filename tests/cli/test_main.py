import errno
import os
import subprocess
import sys
import threading

import pytest

import worldreel
from tests.conftest import ROOT
from worldreel.cli import COMMANDS, main
from worldreel.cli.failures import guarded
from worldreel.cli.names import new_path, slug
from worldreel.errors import UserError


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",)])
def test_help_names_every_command(run, words):
    ended = run(*words)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("usage: worldreel COMMAND")
    for name, entry in COMMANDS.items():
        assert f"  {name:<14}{entry.summary}\n" in ended.out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command(run, name):
    ended = run(name, "--help")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith(f"usage: worldreel {name}")
    assert "--json" in ended.out and "None" not in ended.out


def test_the_version(run):
    assert run("--version").out == f"{worldreel.__version__}\n"


def test_an_unknown_command(run, refused):
    refused(run("generat", "a dog"), "no command 'generat'; did you mean generate?")
    refused(run("xyz"), "no command 'xyz'; there are generate, image")
    refused(run("--frobnicate"), "no command '--frobnicate'")


def _python(*words, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *words], env=environment, stderr=subprocess.PIPE, text=True, **options)


def test_what_must_be_quick_imports_nothing_heavy():
    code = """
import sys, worldreel
from worldreel.cli import main
heavy = {"torch", "numpy", "av", "PIL", "pydantic", "tyro", "rich"}
assert main(["--help"]) == 0 and main([]) == 0 and main(["nothing"]) == 2
assert not heavy & set(sys.modules), heavy & set(sys.modules)
assert main(["generate", "--help"]) == 0 and main(["generate", "--nothing"]) == 2
assert "torch" not in sys.modules
"""
    ended = _python("-c", code, stdout=subprocess.DEVNULL)
    assert ended.returncode == 0, ended.stderr


def test_a_reader_that_has_gone():
    reading, writing = os.pipe()
    os.close(reading)
    ended = _python("-m", "worldreel", "--help", stdout=writing)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, "")


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (UserError("two\nlines\x1b[31m"), 2, "x: two lines?[31m\n"),
        (KeyboardInterrupt(), 130, "x: interrupted; nothing half-written is left\n"),
        (OSError(errno.ENOSPC, "No space left on device", "clip.mp4"), 2, "x: clip.mp4: the disk is full; free some space"),
        (PermissionError(errno.EACCES, "Permission denied", "clip.mp4"), 2, "x: clip.mp4: permission denied\n"),
    ],
)
def test_endings(capsys, error, status, says):
    def work():
        raise error

    assert guarded(work, "x") == status
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith(says)
    assert captured.err.count("\n") == 1


def test_a_command_in_a_thread(capsys):
    """Signals are the main thread's; everything else works."""
    statuses = []
    thread = threading.Thread(target=lambda: statuses.append(main(["--version"])))
    thread.start()
    thread.join()
    assert statuses == [0]


def test_names(tmp_path):
    assert slug("A dog, walking -- LEFT!") == "a-dog-walking-left"
    assert slug("犬 é") == "犬-é"
    assert slug("../..") == "untitled"
    assert len(slug("dog " * 100)) <= 40
    assert new_path("a", ".b", tmp_path) == tmp_path / "a.b"
    (tmp_path / "a.b").symlink_to("nowhere")
    assert new_path("a", ".b", tmp_path) == tmp_path / "a-2.b"
