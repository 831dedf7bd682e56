import numpy as np
import pytest
from PIL import Image

from worldreel.training.curve import HEIGHT, WIDTH, draw_curve


@pytest.mark.parametrize("losses", [[3.0, 1.0, 0.5], [1.0, 1.0], [1e-7, 1e5], [0.1, -0.6, -0.4]], ids=str)
def test_the_loss_is_drawn(tmp_path, losses):
    draw_curve([{"step": 10 * (place + 1), "loss": loss} for place, loss in enumerate(losses)], tmp_path / "loss.png")
    with Image.open(tmp_path / "loss.png") as image:
        pixels = np.asarray(image)
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert (pixels == (0x1F, 0x4E, 0x9C)).all(axis=2).any()


def test_it_falls_when_the_loss_falls(tmp_path):
    draw_curve([{"step": step, "loss": 1 / step} for step in range(1, 200)], tmp_path / "loss.png")
    with Image.open(tmp_path / "loss.png") as image:
        dark = (np.asarray(image) == (0x1F, 0x4E, 0x9C)).all(axis=2)
    rows, columns = dark.nonzero()
    assert rows[columns.argmin()] < rows[columns.argmax()] - HEIGHT / 2


def test_one_below_zero_falls_too(tmp_path):
    """Decibels are drawn as they are."""
    draw_curve([{"step": step, "loss": -step / 100} for step in range(1, 200)], tmp_path / "loss.png")
    with Image.open(tmp_path / "loss.png") as image:
        dark = (np.asarray(image) == (0x1F, 0x4E, 0x9C)).all(axis=2)
    rows, columns = dark.nonzero()
    middle = rows[np.abs(columns - WIDTH / 2).argmin()]
    assert rows[columns.argmin()] < rows[columns.argmax()] - HEIGHT / 2 and abs(middle - HEIGHT / 2) < HEIGHT / 8


@pytest.mark.parametrize("rows", [[], [{"step": 1, "loss": 2.0}], [{"step": 1}, {"step": 2}]])
def test_nothing_is_drawn_of_nothing(tmp_path, rows):
    draw_curve(rows, tmp_path / "loss.png")
    assert not (tmp_path / "loss.png").exists()
