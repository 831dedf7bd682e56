import os
import subprocess
import sys

import numpy as np
import pytest

import worldreel
from tests.media.making import moving
from worldreel.errors import UserError


def test_the_package_has_its_doors():
    from worldreel import api, media

    assert worldreel.load is api.load
    assert worldreel.read is media.read
    assert isinstance(worldreel.__version__, str)
    assert {"load", "read", "__version__"} <= set(dir(worldreel))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        worldreel.nothing  # noqa: B018


def test_load_generate_save_read(model_folder, tmp_path):
    model = worldreel.load(str(model_folder), device="cpu")
    clip = model.generate("a dog", size="48x32", frames=5, seed=7, negative="a cat")
    again = worldreel.read(clip.save(tmp_path / "out.webp"))
    assert np.array_equal(again.array(), clip.array())
    assert again.metadata["seed"] == "7"


def test_what_is_left_open_is_the_models_own(handle):
    clip = handle.generate("a dog")
    assert (clip.width, clip.height, clip.frame_count, clip.fps) == (32, 32, 6, 12)


def test_an_image_is_one_frame(handle):
    image = handle.image("a dog", size="33x17", seed=7)
    assert image.is_image and (image.width, image.height) == (33, 17)


def test_watching(handle):
    seen = []
    handle.generate("a dog", steps=2, frames=1, watch=lambda progress: seen.append((progress.stage, progress.done, progress.of)))
    assert seen == [("denoising", 1, 2), ("denoising", 2, 2), ("decoding", 1, 1)]


def test_what_it_knows(handle):
    assert handle.name == "small"
    assert handle.knows.subjects == ("dog", "cat")
    assert handle.known("A DOG, on a zzz") == {"dog": "dog"}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"prompt": ""}, "the prompt is empty"),
        ({"size": "64"}, "is not WIDTHxHEIGHT"),
        ({"size": "0x8"}, "from 1 up"),
        ({"seconds": float("nan")}, "--seconds nan"),
        ({"seconds": 1, "frames": 3}, "give one of them"),
        ({"steps": 0}, "--steps 0"),
    ],
)
def test_mistakes_are_one_line(handle, values, says):
    with pytest.raises(UserError, match=says) as refusal:
        handle.generate(**{"prompt": "a dog", **values})
    assert "\n" not in str(refusal.value)


def test_an_unknown_model():
    with pytest.raises(UserError, match="no such model"):
        worldreel.load("hal")


def test_compress_and_decompress(handle, tmp_path):
    clip = worldreel.media.Clip.from_array(moving(5), 12)
    path = clip.save(tmp_path / "clip.webp")
    latents = handle.compress(clip)
    assert np.array_equal(handle.decompress(latents).array(), handle.decompress(handle.compress(path)).array())
    assert np.array_equal(handle.decompress(latents.save(tmp_path / "x.safetensors")).array(), handle.decompress(latents).array())


def test_a_bound_on_memory(model_folder, handle):
    bounded = worldreel.load(str(model_folder), "cpu", memory="1GB")
    wanted = handle.generate("a dog", seed=3).array()
    assert np.array_equal(bounded.generate("a dog", seed=3).array(), wanted)
    with pytest.raises(UserError, match="--memory 1 MB: 32x32 with 6 frames takes at least"):
        worldreel.load(str(model_folder), "cpu", memory="1MB").generate("a dog")
    with pytest.raises(UserError, match="--memory 'much' is no amount of memory"):
        worldreel.load(str(model_folder), "cpu", memory="much")


@pytest.mark.parametrize(("given", "found"), [(None, "3000"), ("7", "7")])
def test_threads_soon_sleep_while_they_wait_unless_it_is_said_otherwise(given, found):
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    environment |= {} if given is None else {"GOMP_SPINCOUNT": given}
    line = [sys.executable, "-c", "import os, worldreel; print(os.environ['GOMP_SPINCOUNT'])"]
    assert subprocess.run(line, env=environment, capture_output=True, text=True, check=True).stdout.strip() == found
