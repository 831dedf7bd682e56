import numpy as np
from PIL import Image

from worldreel.media.sheet import GAP, contact_sheet, save_sheet


def test_clips_lie_below_one_another_true_to_the_pixel(tmp_path):
    rng = np.random.default_rng(0)
    long, still = rng.integers(0, 256, (13, 8, 10, 3), np.uint8), rng.integers(0, 256, (1, 6, 20, 3), np.uint8)
    sheet = contact_sheet([long, still], columns=4)
    assert sheet.shape == (8 + GAP + 6 + GAP, 4 * (10 + GAP), 3)
    for column, frame in enumerate((0, 4, 8, 12)):
        assert np.array_equal(sheet[:8, column * (10 + GAP) :][:, :10], long[frame])
    assert np.array_equal(sheet[8 + GAP :][:6, :20], still[0])
    assert (sheet[8 + GAP :, 20 + GAP :] == 255).all()
    save_sheet(tmp_path / "sheet.png", [long, still])
    with Image.open(tmp_path / "sheet.png") as image:
        assert np.array_equal(np.asarray(image), contact_sheet([long, still]))
    assert list(tmp_path.iterdir()) == [tmp_path / "sheet.png"]
