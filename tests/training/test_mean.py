import json

import pytest
import torch

from worldreel.checkpoints import load_metadata, load_tensors, narrowed, save_tensors, widened
from worldreel.errors import UserError
from worldreel.training.mean import LATE, PART, mean, mean_model


def test_a_model_of_the_mean(tmp_path):
    for number, name in enumerate(("one", "two", "three")):
        tensors = {"a": torch.full((2, 3), float(number)), "b": torch.full((4,), 3.0 * number, dtype=torch.bfloat16)}
        (tmp_path / name).mkdir()
        save_tensors(tmp_path / name / PART, tensors, {"of": name})
        (tmp_path / name / "model.json").write_text(json.dumps(name))
    mean_model([tmp_path / name for name in ("one", "two", "three")], tmp_path / "out")
    made = load_tensors(tmp_path / "out" / PART)
    assert made["a"].eq(1).all() and made["b"].eq(3).all() and made["b"].dtype == torch.bfloat16
    assert load_metadata(tmp_path / "out" / PART) == {"of": "one"}
    assert json.loads((tmp_path / "out" / "model.json").read_text()) == "one"


def test_what_is_in_8_bits_is_made_wide_for_its_mean(tmp_path):
    rows = torch.tensor([[1.0, -1.0], [50.0, 100.0]])
    for number in (1, 3):
        (tmp_path / str(number)).mkdir()
        save_tensors(tmp_path / str(number) / PART, narrowed("a", number * rows))
    mean_model([tmp_path / "1", tmp_path / "3"], tmp_path / "out")
    made = load_tensors(tmp_path / "out" / PART)
    assert made["a"].dtype == torch.int8
    assert torch.allclose(widened(tmp_path, made)["a"], 2 * rows, rtol=0.01)


def test_of_two_transformers_each_has_its_mean_where_all_have_both(tmp_path):
    for number in (1.0, 3.0):
        (tmp_path / str(number)).mkdir()
        for part in (PART, LATE):
            save_tensors(tmp_path / str(number) / part, {"a": torch.full((2,), number)})
    mean_model([tmp_path / "1.0", tmp_path / "3.0"], tmp_path / "out")
    assert all(load_tensors(tmp_path / "out" / part)["a"].tolist() == [2, 2] for part in (PART, LATE))
    (tmp_path / "3.0" / LATE).unlink()
    mean_model([tmp_path / "1.0", tmp_path / "3.0"], tmp_path / "one")
    assert load_tensors(tmp_path / "one" / LATE)["a"].tolist() == [1, 1]


def test_models_of_other_shapes_have_none():
    with pytest.raises(UserError, match="different shapes"):
        mean([{"a": torch.zeros(2)}, {"a": torch.zeros(3)}])
