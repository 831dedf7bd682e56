import json

import pytest
from pydantic import ValidationError

from worldreel.config import Config
from worldreel.errors import UserError


class Inner(Config):
    rate: float = 0.1
    sides: tuple[int, ...] = (1, 2)


class Outer(Config):
    name: str = "reel"
    inner: Inner = Inner()
    folder: str | None = None


def test_configurations_are_saved_and_loaded(tmp_path):
    config = Outer(name="other", inner=Inner(sides=(3,)))
    config.save(tmp_path / "config.json")
    assert Outer.load(tmp_path / "config.json") == config
    assert json.loads((tmp_path / "config.json").read_text()) == {
        "name": "other", "inner": {"rate": 0.1, "sides": [3]}, "folder": None,
    }  # fmt: skip


def test_unknown_keys_are_refused(tmp_path):
    with pytest.raises(ValidationError, match="nmae"):
        Outer(nmae="typo")
    path = tmp_path / "config.json"
    path.write_text('{"inner": {"sise": 3}}')
    with pytest.raises(UserError, match=r"config\.json: inner\.sise: Extra inputs"):
        Outer.load(path)


def test_configurations_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        Outer().name = "other"


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"name": 3}', '{"inner": 3}'])
def test_broken_files_are_refused_in_a_line(tmp_path, text):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        Outer.load(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nothing\.json: No such file"):
        Outer.load(tmp_path / "nothing.json")


def test_assignments_reach_into_nested_configurations():
    changed = Outer().changed(["inner.rate=0.5", "inner.sides=[4, 5]", "name=a name", "folder=/some/where"])
    assert changed == Outer(name="a name", inner=Inner(rate=0.5, sides=(4, 5)), folder="/some/where")
    assert Outer(folder="x").changed(["folder=null"]).folder is None
    assert Outer().changed(["name=a=b"]).name == "a=b"
    assert Outer().changed([]) == Outer()


@pytest.mark.parametrize(
    ("assignment", "reason"),
    [
        ("name", "is not KEY=VALUE"),
        ("nmae=x", "no setting 'nmae'; there are name, inner, folder"),
        ("inner.rat=1", r"no setting 'inner\.rat'"),
        ("name.first=1", r"no setting 'name\.first'"),
        ("inner.deep.er=1", r"no setting 'inner\.deep\.er'"),
        ("inner.rate=fast", r"inner\.rate: Input should be a valid number"),
        ("inner=3", "inner: Input should be"),
        ("=3", "no setting ''"),
    ],
)
def test_bad_assignments_are_refused(assignment, reason):
    with pytest.raises(UserError, match=reason) as error:
        Outer().changed([assignment])
    assert "--set" in str(error.value)
    assert "\n" not in str(error.value)
