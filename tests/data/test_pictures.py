import numpy as np
from PIL import Image

from worldreel.data.film import FilmStrip
from worldreel.data.pictures import compose, prepare


def drawing(width, height, alpha=255):
    """A red picture whose left column is empty."""
    picture = Image.new("RGBA", (width, height), (255, 0, 0, alpha))
    picture.paste((0, 0, 0, 0), (0, 0, width // 4, height))
    return picture


def test_a_picture_lies_in_the_middle_of_its_colour():
    frame = compose(drawing(80, 40), 32, (10, 20, 30))
    assert frame.shape == (32, 32, 3)
    assert frame[0, 0].tolist() == frame[31, 31].tolist() == frame[16, 2].tolist() == [10, 20, 30]
    assert frame[16, 20].tolist() == [255, 0, 0]
    assert np.array_equal(frame[:8], frame[24:])


def test_half_transparent_paint_mixes_with_the_colour():
    frame = compose(drawing(32, 32, alpha=128), 32, (0, 0, 200))
    assert abs(int(frame[16, 20, 0]) - 128) <= 1
    assert abs(int(frame[16, 20, 2]) - 100) <= 1


def test_only_pictures_with_alpha_and_of_some_size_are_taken(tmp_path):
    folder, out = tmp_path / "drawings", tmp_path / "out" / "drawings.npy"
    (folder / "inner").mkdir(parents=True)
    for number in range(3):
        drawing(120, 100 + number).save(folder / "inner" / f"{number}.png")
    drawing(60, 60).save(folder / "small.png")
    Image.new("RGB", (120, 120), (1, 2, 3)).save(folder / "opaque.png")
    Image.new("RGBA", (120, 120), (1, 2, 3, 255)).save(folder / "full.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    assert prepare(folder, out, count=10, side=48) == 3
    strip = FilmStrip(out)
    assert strip.frames.shape == (3, 48, 48, 3)
    assert strip.info.stills
    assert len({tuple(frame[0, 0]) for frame in np.asarray(strip.frames)}) == 3


def test_the_same_folder_gives_the_same_strip(tmp_path):
    for number in range(4):
        drawing(100 + number, 100).save(tmp_path / f"{number}.png")
    first, second = tmp_path / "a" / "x.npy", tmp_path / "b" / "x.npy"
    assert prepare(tmp_path, first, count=3, side=24) == prepare(tmp_path, second, count=3, side=24) == 3
    assert first.read_bytes() == second.read_bytes()
