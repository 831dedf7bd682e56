"""A canvas larger than what was taught becomes parts that are not, whose shares add up to one."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from tests.media.making import moving
from worldreel.models.lowering import lower
from worldreel.models.windows import extent, layout, number_of_stretches, stretches, windows_of
from worldreel.patches import Segment, pack
from worldreel.prompting import Canvas, Cue
from worldreel.shapes import VideoShape

CUES = (Cue(0.0, "a dog"), Cue(1.0, "a cat"))


def draft(frames, height, width, level=0.4, fps=12, cuts=()):
    ceilings = np.full((frames, 1, 1), level, np.float32)
    return Canvas(moving(frames, height, width), ceilings, Fraction(fps), CUES, cuts)


@pytest.fixture
def windowed(handle):
    """The model was taught clips of 32x32 and 2 s: two by two tokens, seven latent frames at 12 fps."""

    def made(canvas):
        with torch.inference_mode():
            lowered = lower(handle.model, canvas)
        return lowered, windows_of(handle.model.config, canvas, lowered)

    return made


@pytest.mark.parametrize("seed", range(40))
def test_stretches_cover_an_axis_and_their_shares_add_up_to_one(seed):
    rng = np.random.default_rng(seed)
    length, most = (int(value) for value in rng.integers(1, (200, 24)))
    total, reached = torch.zeros(length), 0
    found = stretches(length, most)
    for places, shares in found:
        # They overlap by a quarter at least.
        assert places.start <= reached - math.ceil(most / 4) * (places.start > 0 and most > 1)
        assert len(shares) == places.stop - places.start == min(length, most) and (shares > 0).all()
        total[places] += shares
        reached = places.stop
    assert reached == length and len(found) == number_of_stretches(length, most)
    assert float((total - 1).abs().max()) < 1e-6


def test_no_more_stretches_than_needed():
    assert [number_of_stretches(length, 10) for length in (1, 10, 11, 17, 18, 24, 120)] == [1, 1, 2, 2, 3, 3, 17]
    assert [number_of_stretches(length, 1) for length in (1, 2, 3)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("frames", "height", "width", "level"),
    [(6, 32, 32, 0.4), (24, 17, 31, 0.4), (24, 20, 51, 0.0), (6, 96, 80, 1.0), (40, 32, 32, 1.0)],
)
def test_what_is_not_larger_than_taught_or_is_made_up_is_one_window(windowed, frames, height, width, level):
    lowered, windows = windowed(draft(frames, height, width, level))
    (window,) = windows.each
    whole, own = lowered.layout(lowered.readers, lowered.all_read(2)), layout([window], None, 2)
    assert torch.equal(own.positions, whole.positions) and torch.equal(own.places, whole.places)
    assert own.segments == whole.segments and (window.shares == 1).all()
    assert [(span.start, span.stop, span.text) for span in own.spans] == [tuple(span) for span in whole.spans]
    values = torch.randn(lowered.tokens, 3)
    assert torch.equal(windows.blended([(window, windows.cut(values, window))]), values)


@pytest.mark.parametrize("seed", range(8))
def test_any_draft_is_cut_and_put_together_again(windowed, seed):
    rng = np.random.default_rng(seed)
    frames, height, width = (int(value) for value in rng.integers(1, (60, 150, 150)))
    cuts = (frames // 2,) if frames > 1 and seed % 2 else ()
    lowered, windows = windowed(draft(frames, height, width, cuts=cuts))
    values = torch.randn(lowered.tokens, 3, generator=torch.Generator().manual_seed(seed))
    again = windows.blended((window, windows.cut(values, window)) for window in windows.each)
    assert float((again - values).abs().max()) < 1e-5
    cues = torch.tensor([cue for count, cue in lowered.readers for _ in range(count)])
    for window in windows.each:
        large = height * width > 32 * 32
        assert all(max(grid.height, grid.width) <= 2 for grid in window.grids) or not large
        assert window.tokens == sum(grid.tokens for grid in window.grids) == sum(count for count, _ in window.readers)
        read = [cue for count, cue in window.readers for _ in range(count)]
        assert read == windows.cut(cues, window).tolist()


def test_a_window_sits_where_a_taught_clip_sits(windowed, handle):
    """In space for each of them, in time for those of the first seconds; later ones begin at 0 too."""
    config = handle.model.config
    _, windows = windowed(draft(60, 70, 90))
    assert len(windows.each) == 3 * 4 * 5
    taught = config.grid(VideoShape(25, 32, 32), Fraction(12))
    clip = pack([Segment((taught,), ((taught.tokens, 0),))])
    for window in windows.each:
        own = layout([window], None)
        assert torch.allclose(own.positions, clip.positions, atol=1e-4)
        assert torch.allclose(own.places, clip.places, atol=1e-5)


def test_windows_are_as_wide_as_the_canvas_lets_them(handle):
    config = handle.model.config.model_copy(
        update={"knows": handle.model.config.knows.model_copy(update={"sizes": ("160x160", "256x64", "32x32")})}
    )
    sizes = {(1080, 1920): (10, 10), (1920, 64): (10, 4), (48, 1920): (3, 16), (160, 160): (10, 10), (162, 160): (10, 10)}
    for (height, width), expected in sizes.items():
        shape = VideoShape(5, height, width)
        grid = config.grid(config.padded(shape), Fraction(12))
        whole = VideoShape(2, grid.height, grid.width)
        expected = expected if height * width > 160 * 160 else whole[1:]
        assert extent(config, shape, Fraction(12), whole) == (2, *expected), (height, width)


def test_work_grows_with_the_area(windowed):
    found = []
    for side in (320, 640):
        lowered, windows = windowed(draft(1, side, side))
        assert max(window.tokens for window in windows.each) == 4
        found.append(sum(window.tokens for window in windows.each) / lowered.tokens)
    assert found[0] <= found[1] < 4


def test_packs_hold_every_window_once(windowed):
    _, windows = windowed(draft(5, 70, 90))
    packs = list(windows.packs(20))
    assert [window for each in packs for window in each] == list(windows.each)
    assert all(sum(window.tokens for window in each) <= 20 for each in packs[:-1]) and len(packs) < len(windows.each)
    assert len(list(windows.packs(0))) == len(windows.each)
