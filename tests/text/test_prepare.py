import json

import pytest
import torch
import torch.nn.functional as F

from tests.text import lexicons
from worldreel.checkpoints import load_tensors, save_tensors
from worldreel.errors import UserError
from worldreel.text import TextEncoder, TextEncoderConfig, Tokenizer, load_table
from worldreel.text.lexicon import Lexicon
from worldreel.text.prepare import Whole, bert, give, nearer, prepare, reduced, word_outputs

C = 24


def encoder_tensors(vocabulary, layers=2):
    """The tensors of a BERT of width 24, by their names in its file."""
    rows = {"word": vocabulary, "position": 16, "token_type": 2}
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
    letters = [mark + letter for letter in "abcdefghijklmnopqrstuvwxyz" for mark in ("", "##")]
    idle = ["[unused0]", "[unused1]", "猫"]
    words = ["[UNK]", "[CLS]", "[SEP]", *idle, "red", "blue", "scarlet", *letters, *(f"w{number}" for number in range(200))]
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
    assert tokenizer.encode("w3 W5") == [tokenizer.vocabulary().index(word) for word in ("w3", "w5")]


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


@pytest.fixture
def whole(tmp_path):
    lexicon = Lexicon(lexicons.write(tmp_path / "wordnet"))
    return Whole(lexicon, ["idea", "swine", "hog", "w3", "animal"], taught={"animal", "red", "blue"})


def test_words_that_can_be_seen_and_colours_are_whole(folder, tmp_path, monkeypatch, whole):
    monkeypatch.setattr("worldreel.text.prepare.WIDTH", 16)
    prepare(folder, tmp_path / "pieces")
    prepare(folder, tmp_path / "whole", whole)
    before, after = (Tokenizer(tmp_path / name / "tokenizer.json") for name in ("pieces", "whole"))
    old, new = (load_table(tmp_path / name / "embeddings.safetensors") for name in ("pieces", "whole"))
    assert len(after) == len(new) == len(before) - 3 + 4  # less what lay idle, with swine, lilac, redness and vermilion
    for word in ("idea", "animal"):  # not to be seen; taught in pieces
        assert len(after.encode(word)) == len(word)
    assert after.encode("猫") == [after.unknown]
    for word in ("w3", "blue", "q"):
        assert torch.equal(old[before.encode(word)], new[after.encode(word)])


def test_a_whole_word_is_what_the_encoder_makes_of_all_its_pieces():
    tensors = encoder_tensors(50)
    alone, longer = word_outputs(tensors, [[7], [8, 9, 10]], 1, 2)
    torch.testing.assert_close(alone, bert(tensors, torch.tensor([[1, 7, 2]]))[0, 1])
    torch.testing.assert_close(longer, bert(tensors, torch.tensor([[1, 8, 9, 10, 2]]))[0, 1:4].mean(0))


def test_names_of_colours_come_near_to_those_that_define_them(folder, tmp_path, monkeypatch, whole):
    monkeypatch.setattr("worldreel.text.prepare.WIDTH", 16)
    near = []
    for weight in (0.0, 2.0):
        monkeypatch.setattr("worldreel.text.prepare.COLOUR", weight)
        prepare(folder, tmp_path / "out", whole)
        table, tokenizer = load_table(tmp_path / "out" / "embeddings.safetensors"), Tokenizer(tmp_path / "out" / "tokenizer.json")
        red, blue, lilac = (table[tokenizer.encode(word)[0]] for word in ("red", "blue", "lilac"))
        near.append(float(F.cosine_similarity(lilac, red + blue, dim=0)))
        torch.testing.assert_close(table.square().mean(1), torch.ones(len(table)), atol=0.02, rtol=0)
    assert near[1] > max(0.8, near[0] + 0.1)


def test_words_come_near_to_those_that_say_what_they_are():
    table = F.normalize(torch.randn(4, 16, generator=torch.Generator().manual_seed(0)), dim=1) * 4
    vocabulary = {"swine": 0, "animal": 1, "piglet": 2, "boar": 3}
    said = {"piglet": ["swine", "swine", "animal", "unknown"], "swine": ["animal"], "boar": ["unknown"], "foreign": ["swine"]}
    out = nearer(table, vocabulary, said, taught={"swine"}, weight=2.0)
    assert torch.equal(out[[0, 1, 3]], table[[0, 1, 3]])  # taught; nothing is said of it, or by no word of the table
    towards = F.normalize((2 * table[0] + table[1]) / 3, dim=0)
    torch.testing.assert_close(out[2], 4 * F.normalize(table[2] / 4 + 2 * towards, dim=0))


def test_a_model_is_given_a_new_table_and_keeps_all_else(folder, tmp_path, monkeypatch, whole):
    monkeypatch.setattr("worldreel.text.prepare.WIDTH", 16)
    prepare(folder, tmp_path / "out", whole)
    model = tmp_path / "model"
    model.mkdir()
    config = TextEncoderConfig(vocabulary=9, static_width=16, width=8, layers=1, heads=2)
    save_tensors(model / "text.safetensors", TextEncoder(config).state_dict())
    before = load_tensors(model / "text.safetensors")
    (model / "model.json").write_text(json.dumps({"name": "mine", "text": json.loads(config.model_dump_json())}))
    give(model, tmp_path / "out")
    settings, after = json.loads((model / "model.json").read_text()), load_tensors(model / "text.safetensors")
    table = load_table(tmp_path / "out" / "embeddings.safetensors")
    assert settings["name"] == "mine" and settings["text"]["vocabulary"] == len(table) == len(Tokenizer(model / "tokenizer.json"))
    assert torch.equal(load_table(model / "text.safetensors"), table)
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items() if not name.startswith("table."))
    assert "knows" not in settings
    knows = {"summary": "Colours.", "subjects": [], "backgrounds": ["red", "blue"], "heard": "redness and red"}
    (model / "model.json").write_text(json.dumps({**settings, "knows": knows}))
    give(model, tmp_path / "out", whole.lexicon)
    assert json.loads((model / "model.json").read_text())["knows"] == {
        **knows,
        "kinds": {"red": "scarlet"},
        "idle": "",  # adverbs are no words of this table
    }
    save_tensors(model / "text.safetensors", TextEncoder(config.model_copy(update={"static_width": 4})).state_dict())
    with pytest.raises(UserError, match="4 wide"):
        give(model, tmp_path / "out")
