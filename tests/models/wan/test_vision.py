"""Pictures are shown to CLIP as transformers shows them."""

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from tests.media.making import moving
from worldreel.errors import UserError
from worldreel.models.wan.repository import Repository
from worldreel.models.wan.vision import FILE, Lens, Viewer


@pytest.mark.parametrize(("height", "width"), [(32, 48), (61, 37), (28, 28), (20, 90)])
def test_pictures_are_prepared_the_same(repository, height, width):
    pipe, folder = repository("2.1 image")
    picture = moving(1, height, width)[0]
    settings = Repository.open(folder).config("image_processor", FILE)
    wanted = pipe.image_processor(images=Image.fromarray(picture), return_tensors="pt")["pixel_values"][0]
    assert float((Lens.of(settings, folder).prepared(picture) - wanted).abs().max()) < 1e-5


def test_they_look_the_same(repository):
    pipe, folder = repository("2.1 image")
    picture = moving(1, 40, 60)[0]
    with torch.inference_mode():
        wanted = pipe.encode_image(Image.fromarray(picture), torch.device("cpu"))[0]
    found = Viewer(Repository.open(folder), torch.device("cpu"), torch.float32).look(picture)
    assert found.shape == (5, 12)
    assert float((found - wanted).norm() / wanted.norm()) <= 1e-5


def test_older_files_hold_other_names(repository, tmp_path):
    folder = shutil.copytree(repository("2.1 image")[1], tmp_path / "Wan")
    picture = moving(1, 40, 60)[0]
    wanted = Viewer(Repository.open(folder), torch.device("cpu"), torch.float32).look(picture)
    path = folder / "image_encoder" / "model.safetensors"
    tensors = {f"vision_model.{name}": tensor.clone() for name, tensor in load_file(path).items()}
    more = {"vision_model.embeddings.position_ids": torch.arange(5)[None], "visual_projection.weight": torch.ones(4, 12)}
    save_file(tensors | more, path)
    assert torch.equal(Viewer(Repository.open(folder), torch.device("cpu"), torch.float32).look(picture), wanted)


def test_settings_of_another_processor_are_refused():
    with pytest.raises(UserError, match=r"x\.json is not of CLIP .*; fetch the repository again"):
        Lens.of({"size": 224, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}, Path("x.json"))
