"""What training shows of clips that are cut is what prompting asks for: the same runs, the same tokens given."""

from fractions import Fraction

import numpy as np
import pytest

from tests.media.making import moving
from worldreel.generation.plan import bounds
from worldreel.media import Clip
from worldreel.models.lowering import lower
from worldreel.prompting import MODES
from worldreel.training.filling import draw_wanted
from worldreel.training.latents import CanvasShare, LatentPool, PoolConfig


def asked(handle, mode, count, /, **values):
    """Runs and wanted latent frames of a mode's canvas, for a clip of so many frames of 32x32 at 12 fps."""
    within = bounds(handle.model.config)
    composition = MODES[mode](Clip.from_array(moving(count, 32, 32), 12), "a dog", **values, within=within)
    (canvas,) = composition.canvases
    lowered = lower(handle.model, canvas)
    cells = lowered.pieces[0].grid.height * lowered.pieces[0].grid.width
    return tuple(piece.grid for piece in lowered.pieces), (lowered.ceilings.view(-1, cells)[:, 0] == 1).tolist()


def shown(handle, cut, frames):
    """Runs of a clip that is cut at a frame, and every pattern of wanted latent frames that training draws for it."""
    share = CanvasShare(width=32, height=32, frames=frames, cut=True)
    pool = LatentPool(PoolConfig(canvases=(share,)), handle.model.config, handle.model.autoencoder, 0)
    draft = next(draft for draft in map(pool._draft, range(1000)) if draft.cut == cut)
    runs = pool._runs(draft)
    rng = np.random.default_rng(0)
    return runs, [draw_wanted([run.frames for run in runs], 0.2, rng).tolist() for _ in range(200)]


@pytest.mark.parametrize(
    ("mode", "frames", "values", "cut", "total"),
    [
        ("extend", 9, {"seconds": Fraction(8, 12), "direction": "backward"}, 8, 17),
        ("extend", 1, {"seconds": Fraction(12, 12), "direction": "backward"}, 12, 13),
        ("loop", 5, {"seconds": Fraction(7, 12)}, 12, 17),
        ("loop", 5, {"seconds": Fraction(8, 12)}, 13, 17),
        ("fill", 17, {"missing": "5:12"}, 12, 17),
        ("fill", 18, {"missing": "5:13"}, 13, 17),
        ("fill", 18, {"missing": "5:11"}, 11, 17),
    ],
)
def test_modes_ask_for_what_training_shows(handle, mode, frames, values, cut, total):
    values = {key: float(value) if isinstance(value, Fraction) else value for key, value in values.items()}
    runs, wanted = asked(handle, mode, frames, **values)
    taught, patterns = shown(handle, cut, total)
    assert len(runs) == 2 and runs == taught
    assert wanted in patterns


def test_animation_and_extension_are_given_as_training_gives_them(handle):
    rng = np.random.default_rng(0)
    patterns = [draw_wanted([4], 1.0, rng).tolist() for _ in range(100)]
    for mode, frames, values in (("animate", 1, {"frames": 13}), ("extend", 5, {"seconds": 8 / 12})):
        runs, wanted = asked(handle, mode, frames, **values)
        assert len(runs) == 1 and runs[0].frames == 4
        assert wanted in patterns
