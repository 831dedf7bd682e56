import json
from fractions import Fraction

import pytest
from safetensors.torch import load_file, save_file

from tests.cli.conftest import listing
from tests.conftest import make_model
from tests.media.making import moving
from worldreel.media import Clip, read


@pytest.mark.parametrize(
    ("height", "width", "frames", "fps", "ending"),
    [
        (48, 64, 9, Fraction(24000, 1001), "mp4"),
        (47, 63, 6, Fraction(7), "webp"),
        (8, 8, 1, Fraction(1), "png"),
        (5, 3, 2, 12, "gif"),
    ],
)
def test_there_and_back(run, work, model_folder, height, width, frames, fps, ending):
    Clip.from_array(moving(frames, height, width), fps, {"prompt": "a dog"}).save(work / f"clip.{ending}")
    model = ("--model", model_folder)
    there = run("compress", f"clip.{ending}", *model)
    assert there.status == 0 and there.err == ""
    assert there.out.startswith(f"clip.safetensors  {width}x{height}, {frames} frames, ")
    back = run("decompress", "clip.safetensors", *model, "--out", "back.webp", "--json")
    result = json.loads(back.out)
    assert (result["width"], result["height"], result["frames"], result["path"]) == (width, height, frames, "back.webp")
    clip = read("back.webp")
    assert clip.array().shape == (frames, height, width, 3)
    assert clip.metadata == {"prompt": "a dog"}
    if frames > 1:
        assert clip.fps == fps


def test_new_names(run, work, model_folder):
    Clip.from_array(moving(2), 12).save(work / "clip.mp4")
    for _ in range(2):
        assert run("compress", "clip.mp4", "--model", model_folder).status == 0
    assert run("decompress", "clip-2.safetensors", "--model", model_folder).status == 0
    assert run("decompress", "clip.safetensors", "--model", model_folder).status == 0
    assert listing(work) == ["clip-2.mp4", "clip-2.safetensors", "clip-3.mp4", "clip.mp4", "clip.safetensors"]


def test_json_tells_what_it_takes(run, work, model_folder):
    Clip.from_array(moving(2), 12).save(work / "clip.mp4")
    result = json.loads(run("compress", "clip.mp4", "--model", model_folder, "--out", "x.safetensors", "--json").out)
    assert result["bytes"] == (work / "x.safetensors").stat().st_size
    assert (
        result.items() >= {"path": "x.safetensors", "model": "small", "width": 64, "height": 48, "frames": 2, "fps": "12"}.items()
    )


def test_targets_that_are_refused(run, refused, work, model_folder):
    Clip.from_array(moving(2), 12).save(work / "clip.mp4")
    (work / "old.safetensors").write_text("old")

    def compress(out):
        return run("compress", "clip.mp4", "--model", model_folder, "--out", out)

    refused(compress("old.safetensors"), "old.safetensors exists already; give another name, or --overwrite")
    refused(compress("x.zip"), "x.zip: latents are written as .safetensors")
    refused(compress("missing/x.safetensors"), "there is no folder missing")
    assert run("compress", "clip.mp4", "--model", model_folder, "--out", "old.safetensors", "--overwrite").status == 0
    refused(run("decompress", "old.safetensors", "--model", model_folder, "--out", "clip.mp4"), "clip.mp4 exists already")
    refused(run("decompress", "old.safetensors", "--model", model_folder, "--out", "x.png"), "holds one image, not 2 frames")
    assert listing(work) == ["clip.mp4", "old.safetensors"]


@pytest.fixture
def clip(work):
    return Clip.from_array(moving(30), 12).save(work / "clip.mp4")


def test_a_full_disk(run, refused, clip, work, model_folder, full_disk):
    folder, _, says = full_disk
    refused(run("compress", clip, "--model", model_folder, "--out", folder / "x.safetensors"), "x.safetensors", says)
    assert listing(folder) == ["other"]
    assert listing(work) == ["clip.mp4"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "x.safetensors"),
        (b"just words\n" * 20, "is not a whole safetensors file"),
        (b"\xff" * 100, "is not a whole safetensors file"),
    ],
)
def test_what_is_no_file_of_latents(run, refused, work, model_folder, content, says):
    (work / "x.safetensors").write_bytes(content)
    refused(run("decompress", "x.safetensors", "--model", model_folder), says)
    refused(run("decompress", "missing.safetensors", "--model", model_folder), "missing.safetensors cannot be read: no such file")
    assert listing(work) == ["x.safetensors"]


def test_latents_that_are_cut_short_or_changed(run, refused, work, model_folder):
    Clip.from_array(moving(5), 12).save(work / "clip.mp4")
    run("compress", "clip.mp4", "--model", model_folder)
    whole, tensors = (work / "clip.safetensors").read_bytes(), load_file(work / "clip.safetensors")
    for part in (4, 0.5, 0.99):
        (work / "cut.safetensors").write_bytes(whole[: int(part * len(whole)) if part < 1 else part])
        refused(run("decompress", "cut.safetensors", "--model", model_folder), "is not a whole safetensors file")
    for old, new in ((b'"frames":"5"', b'"frames":"9"'), (b'"width":"64"', b'"width":"72"')):
        assert old in whole
        (work / "cut.safetensors").write_bytes(whole.replace(old, new))
        refused(run("decompress", "cut.safetensors", "--model", model_folder), "the latents are not those of")
    (work / "cut.safetensors").write_bytes(whole.replace(b'"fps":"12"', b'"fps":"1e"'))
    refused(run("decompress", "cut.safetensors", "--model", model_folder), "holds no latents of Worldreel")
    save_file(tensors, work / "cut.safetensors")
    refused(run("decompress", "cut.safetensors", "--model", model_folder), "holds no latents of Worldreel")
    weights = model_folder / "autoencoder.safetensors"
    refused(run("decompress", weights, "--model", model_folder), "holds no latents of Worldreel")


def test_latents_of_another_model(run, refused, work, model_folder, tmp_path):
    Clip.from_array(moving(2), 12).save(work / "clip.mp4")
    run("compress", "clip.mp4", "--model", model_folder)
    other = make_model(tmp_path / "other", seed=1)
    refused(run("decompress", "clip.safetensors", "--model", other), "made by the autoencoder of 'small', not by this one")
