import json

import pytest
import torch

from worldreel.checkpoints import load_metadata, load_tensors, save_tensors
from worldreel.errors import UserError
from worldreel.training.mean import PART, mean, mean_model


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


def test_models_of_other_shapes_have_none():
    with pytest.raises(UserError, match="different shapes"):
        mean([{"a": torch.zeros(2)}, {"a": torch.zeros(3)}])
