import json

import pytest

from worldreel.errors import UserError
from worldreel.models import bundled_names, find_model, library, load_model


def test_folders_are_found_by_their_path(model_folder):
    assert find_model(str(model_folder)) == model_folder
    assert load_model(str(model_folder)).config.name == "small"


def test_bundled_models_are_found_by_name(model_folder, monkeypatch):
    monkeypatch.setattr(library, "BUNDLED", model_folder.parent)
    assert bundled_names() == ["small"]
    assert find_model("small") == model_folder


def test_unknown_models_are_refused_with_what_there_is(monkeypatch, model_folder):
    monkeypatch.setattr(library, "BUNDLED", model_folder.parent)
    with pytest.raises(UserError, match="--model 'large': no such model; bundled: small; or give a folder"):
        find_model("large")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "holds no model.json"),
        (b"", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"[1]", "is not of the format 'worldreel-model'"),
        (json.dumps({"format": "another"}).encode(), "is not of the format 'worldreel-model'"),
    ],
)
def test_folders_that_are_no_model_are_refused(tmp_path, content, reason):
    if content is not None:
        (tmp_path / "model.json").write_bytes(content)
    with pytest.raises(UserError, match=reason) as error:
        find_model(str(tmp_path))
    assert "\n" not in str(error.value)
