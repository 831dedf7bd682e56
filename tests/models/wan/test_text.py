"""Prompts are read as diffusers reads them for Wan, and kept on disk."""

import json
import shutil

import pytest
import torch
from diffusers.pipelines.wan.pipeline_wan import prompt_clean
from safetensors.torch import load_file

from worldreel.errors import UserError
from worldreel.models.wan import needs
from worldreel.models.wan.config import NEGATIVE
from worldreel.models.wan.repository import Repository
from worldreel.models.wan.text import Reader, cleaned

CPU = torch.device("cpu")


@pytest.fixture
def reader(repository, tmp_path, monkeypatch):
    """With a cache of its own; made anew each time."""
    monkeypatch.setenv("WORLDREEL_CACHE", str(tmp_path / "cache"))
    return lambda: Reader(Repository.open(repository("2.1 text")[1]), CPU, torch.float32)


@pytest.mark.parametrize(
    "prompt",
    [
        "a dog",
        "  a\tdog \n\n walks ",
        "Tom &amp;amp; Jerry &lt;3 &quot;cheese&quot;",
        "don\u00e2\u20ac\u2122t \u201cquote\u201d me\u00a0\u3000twice",
        "\ufb01ne \uff37\uff29\uff24\uff25 letters",
        NEGATIVE,
        "",
    ],
)
def test_prompts_are_cleaned_as_in_diffusers(prompt):
    assert cleaned(prompt) == prompt_clean(prompt)


def test_texts_are_those_of_diffusers(reader, repository):
    """Of any length: none, a few pieces, and more than fit."""
    prompts = ["", "a dog walks &amp; runs", "a cat runs slowly " * 300]
    made = reader().read(prompts)
    wanted, _ = repository("2.1 text")[0].encode_prompt(prompts, do_classifier_free_guidance=False, max_sequence_length=512)
    for one, other in zip(made, wanted, strict=True):
        assert one.shape == (512, 16)
        assert float((one - other).norm() / other.norm()) <= 1e-5
    assert not made[1][6:].any() and made[2].any(dim=1).all()


def test_a_text_is_encoded_once(reader, monkeypatch):
    first = reader().read(["a dog", "a cat", "a dog"])
    assert torch.equal(first[0], first[2]) and not torch.equal(first[0], first[1])
    with monkeypatch.context() as patch:
        patch.setattr(Reader, "_encoder", lambda self: pytest.fail("the encoder was loaded again"))
        again = reader().read(["a  cat", "a dog"])
    assert torch.equal(again[0], first[1]) and torch.equal(again[1], first[0])
    assert not list(reader().cache.glob(".*"))


def test_a_damaged_entry_is_made_anew(reader):
    wanted = reader().read(["a dog"])[0]
    (path,) = reader().cache.glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:40])
    assert torch.equal(reader().read(["a dog"])[0], wanted)
    assert load_file(path)["states"].shape == (3, 16)


def test_other_weights_have_other_entries(reader, repository):
    other = Reader(Repository.open(repository("2.1 image")[1]), CPU, torch.bfloat16)
    assert other.cache != reader().cache
    changed = reader()
    file = repository("2.1 text")[1] / "text_encoder" / "model.safetensors"
    kept = file.read_bytes()
    try:
        file.write_bytes(kept[:-64] + bytes(64))
        assert reader().cache != changed.cache
    finally:
        file.write_bytes(kept)


def test_a_cache_that_cannot_be_written_stops_nothing(reader, tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    assert reader().read(["a dog"])[0].any()


def test_a_configuration_that_describes_no_encoder(repository, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLDREEL_CACHE", str(tmp_path / "cache"))
    folder = shutil.copytree(repository("2.1 text")[1], tmp_path / "Wan")
    path = folder / "text_encoder" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"d_model": "wide"}))
    with pytest.raises(UserError, match="describes no network that can be built") as error:
        Reader(Repository.open(folder), CPU, torch.float32).read(["a dog"])
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_missing_package_is_named_at_once(repository, monkeypatch):
    from worldreel.models import load_model

    monkeypatch.setattr(needs, "find_spec", lambda name: None if name == "transformers" else object())
    with pytest.raises(UserError, match=r"needs the package transformers; .* pip install 'worldreel\[wan\]'") as error:
        load_model(str(repository("2.1 text")[1]))
    assert "\n" not in str(error.value)
