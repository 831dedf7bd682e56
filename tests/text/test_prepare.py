import json

import pytest
import torch

from worldreel.checkpoints import save_tensors
from worldreel.errors import UserError
from worldreel.text import Tokenizer, load_table
from worldreel.text.prepare import prepare, reduced

C = 24


def encoder_tensors(vocabulary, layers=2):
    """The tensors of a BERT of width 24, by their names in its file."""
    rows = {"word": vocabulary, "position": 8, "token_type": 2}
    shapes = {f"embeddings.{name}_embeddings.weight": (count, C) for name, count in rows.items()}
    norms = ["embeddings.LayerNorm"]
    for layer in (f"encoder.layer.{number}" for number in range(layers)):
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        linears = {f"attention.self.{part}": (C, C) for part in ("query", "key", "value")}
        linears |= {"attention.output.dense": (C, C), "intermediate.dense": (2 * C, C), "output.dense": (C, 2 * C)}
        for name, (outputs, inputs) in linears.items():
            shapes |= {f"{layer}.{name}.weight": (outputs, inputs), f"{layer}.{name}.bias": (outputs,)}
    shapes |= {f"{norm}.{part}": (C,) for norm in norms for part in ("weight", "bias")}
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


@pytest.fixture
def folder(tmp_path, tokenizer):
    inside = tmp_path / "package" / "model"
    inside.mkdir(parents=True)
    words = ["[UNK]", "[CLS]", "[SEP]", *(f"w{number}" for number in range(200))]
    data = json.loads(tokenizer._pieces.to_str())
    data["model"]["vocab"] = {word: number for number, word in enumerate(words)}
    (inside / "tokenizer.json").write_text(json.dumps(data))
    save_tensors(inside / "model.safetensors", encoder_tensors(len(words)))
    return tmp_path / "package"


def test_both_files_are_written_and_the_same_each_time(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("worldreel.text.prepare.WIDTH", 16)
    for out in ("one", "two"):
        prepare(folder, tmp_path / out)
    for name in ("embeddings.safetensors", "tokenizer.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    tokenizer = Tokenizer(tmp_path / "one" / "tokenizer.json")
    assert load_table(tmp_path / "one" / "embeddings.safetensors").shape == (len(tokenizer), 16)
    assert tokenizer.encode("w3 W5") == [6, 8]


def test_a_folder_without_an_encoder_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"model\.safetensors"):
        prepare(tmp_path, tmp_path / "out")


def test_reduction_keeps_angles_of_what_differs():
    signal = torch.randn(300, 8, dtype=torch.double) @ torch.randn(8, 40, dtype=torch.double)
    table = reduced(signal, 8)
    exact = torch.nn.functional.normalize(signal, dim=1)
    exact = torch.nn.functional.normalize(exact - exact.mean(0), dim=1)
    torch.testing.assert_close(table @ table.T / 8, (exact @ exact.T).float(), atol=1e-4, rtol=0)


def test_a_file_without_a_table_is_refused(tmp_path):
    save_tensors(tmp_path / "foreign.safetensors", {"x": torch.zeros(2)})
    with pytest.raises(UserError, match="table"):
        load_table(tmp_path / "foreign.safetensors")
