import io

import numpy as np
import pytest
import torch
from PIL import Image

from worldreel.worlds import casts, prepare, sprites
from worldreel.worlds.casts import Cast
from worldreel.worlds.subjects import Subject

PAIR = Cast((Subject("disc", "1f535", "rolls"), Subject("square", "1f7e6", "slides")))


def animation(frames=12):
    """A blue dot that moves to the right over nothing, as WebP."""
    pictures = []
    for number in range(frames):
        picture = np.zeros((64, 64, 4), np.uint8)
        picture[24:40, 4 * number : 4 * number + 16] = (20, 60, 220, 255)
        pictures.append(Image.fromarray(picture))
    buffer = io.BytesIO()
    pictures[0].save(buffer, "WEBP", save_all=True, append_images=pictures[1:], duration=42, lossless=True)
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["two dozen", "all"])
def test_a_pack_gives_back_its_animations(tmp_path, monkeypatch, name):
    taught = PAIR if name == "two dozen" else casts.TAUGHT
    for room in (casts, prepare):
        monkeypatch.setattr(room, "TAUGHT", taught)
    monkeypatch.setattr(prepare, "cast", lambda name: PAIR)
    monkeypatch.setattr(sprites, "pack_path", lambda: tmp_path / "sprites.zip")
    prepare.pack({subject.codepoint: animation() for subject in PAIR.subjects}, tmp_path / "sprites.zip", name)
    loaded = sprites.load_sprites(PAIR)
    sprites.load_sprites.cache_clear()
    disc = loaded["1f535"]
    assert disc.seconds == pytest.approx(0.5)
    assert disc.frames.shape == (5, 6, 4, 96, 96)  # every other frame, made 96 pixels wide
    red, _, blue, alpha = disc.frames[0, 0].float()
    inside, outside = (slice(40, 56), slice(4, 20)), (slice(0, 30), slice(40, 96))
    assert float(alpha[inside].mean()) > 240 and float(blue[inside].mean()) > 190 and float(red[inside].mean()) < 50
    assert float(alpha[outside].max()) < 8
    places = (disc.frames[0, :, 3].float() * torch.arange(96)).sum((1, 2)) / disc.frames[0, :, 3].float().sum((1, 2))
    assert torch.allclose(places.diff(), torch.tensor(12.0), atol=0.5)
