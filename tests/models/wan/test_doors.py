"""A Wan repository through the command line, and in the number format that it usually runs in."""

import json

import pytest
import torch
from safetensors.torch import save_file

from tests.media.making import moving
from tests.models.wan.repositories import FAMILIES
from tests.models.wan.test_lora import inputs, theirs_own
from worldreel.cli import main
from worldreel.generation import Settings, generate
from worldreel.media import Clip, read
from worldreel.models import load_model
from worldreel.patches import Grid, Segment, pack


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_line_makes_a_video(repository, work, capsys):
    folder = repository("2.1 text")[1]
    save_file(theirs_own(), work / "style.safetensors")
    words = ["generate", "a dog", "--model", folder, "--size", "32x32", "--frames", 5, "--steps", 2, "--seed", 7, "--json"]
    assert main([str(word) for word in [*words, "--lora", "style.safetensors=0.5", "--out", "made.webp"]]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["frames"], told["solver"], told["notes"]) == (5, "euler", [])
    made = read(work / "made.webp")
    assert made.array().shape == (5, 32, 32, 3)
    assert made.metadata["lora"] == "style.safetensors 0.5"
    assert made.metadata["model"] == folder.name


def test_loras_for_each_of_two_experts(repository, work, capsys):
    folder = repository("2.2 A14B text")[1]
    save_file(theirs_own(), work / "high=1.safetensors")
    save_file(theirs_own(), work / "low.safetensors")
    words = ["image", "a dog", "--model", str(folder), "--size", "32x32", "--steps", "2", "--out", "made.webp"]
    assert (
        main([*words, "--lora", "high=1.safetensors", "--lora", "low.safetensors=0.5@late", "--lora", "low.safetensors@early"])
        == 0
    )
    made = read(work / "made.webp").metadata
    assert made["lora"] == "high=1.safetensors 1; low.safetensors 0.5 late; low.safetensors 1 early"
    assert (made["guidance"], made["late_guidance"]) == ("4", "3")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--lora", "style.safetensors=much"), "--lora style.safetensors=much: 'much' is no strength; write it as FILE=0.8"),
        (("--lora", "absent.safetensors"), "absent.safetensors is not a whole safetensors file"),
    ],
)
def test_mistakes_are_one_line(repository, work, capsys, words, says):
    folder = repository("2.1 text")[1]
    assert main(["generate", "a dog", "--model", str(folder), "--size", "32x32", "--frames", "1", *words]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1
    assert list(work.iterdir()) == []


def test_experimental_canvases_are_said_to_be(repository, work, capsys):
    folder = repository("2.1 text")[1]
    Clip.from_array(moving(5, 32, 32), 16).save(work / "clip.webp")
    words = ["extend", "clip.webp", "a dog", "--seconds", "0.25", "--steps", "1", "--out", "made.webp"]
    assert main([*words, "--model", str(folder)]) == 0
    assert f"note: experimental: {folder.name} was not taught canvases of the kind prefix" in capsys.readouterr().err


def test_models_says_what_a_repository_is(repository, capsys):
    folder = repository("2.2 5B")[1]
    assert main(["models", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "taught      text, first frame" in out
    assert "1280x704, 5.04167 s at 24 fps, 50 steps, guidance 5" in out


@pytest.mark.parametrize("name", ["2.1 image", "2.2 5B"])
def test_in_bf16(repository, monkeypatch, name):
    """Matrices are in bf16, what must be exact is not, and the prediction is the same but for rounding."""
    folder, family = repository(name)[1], FAMILIES[name]
    exact = load_model(str(folder))
    for room in ("bundle", "wan.model"):
        monkeypatch.setattr(f"worldreel.models.{room}.compute_dtype", lambda device: torch.bfloat16)
    rounded = load_model(str(folder))
    types = {key: tensor.dtype for key, tensor in rounded.transformer.state_dict().items()}
    assert types["blocks.0.attention.q.weight"] == types["text.0.weight"] == torch.bfloat16
    for key in ("time.0.weight", "time.2.bias", "head_table", "blocks.0.table", "blocks.0.norm2.weight"):
        assert types[key] == torch.float32
    width = exact.config.transformer.channels
    tokens = torch.randn(18, width, generator=torch.Generator().manual_seed(0))
    layout, text = pack([Segment((Grid(3, 2, 3, seconds=1 / 24),), ((18, 0),))]), inputs()[1][0]
    image = torch.randn(5, 12, generator=torch.Generator().manual_seed(1)) if family.clip else None
    levels = torch.full((18,), 0.6)
    with torch.inference_mode():
        wanted = exact.transformer(tokens, levels, layout, [text], image)
        with torch.autocast("cpu", torch.bfloat16):
            found = rounded.transformer(tokens, levels, layout, [text], image)
    assert 0 < float((found - wanted).norm() / wanted.norm()) < 0.03
    clip = Clip.from_array(moving(1, family.side, family.side), 16)
    made = generate(rounded, "animate", clip, "a dog", frames=5, settings=Settings(steps=2, seed=1)).array()
    assert made.shape == (5, family.side, family.side, 3) and (made[0] == clip.array()[0]).all()
