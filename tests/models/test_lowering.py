"""A canvas becomes runs of latents with a ceiling for each token; what is unknown leaks into nothing."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from tests.media.making import moving
from worldreel.models.lowering import lower
from worldreel.patches import from_tokens
from worldreel.prompting import Canvas, Cue

FPS = Fraction(12)
CUES = (Cue(0.0, "a dog"),)


def canvas_of(levels, height=32, width=48, cues=CUES, cuts=(), seed=0):
    count = len(levels)
    pixels = np.roll(moving(count, height, width), seed, axis=2)
    return Canvas(pixels, np.array(levels, np.float32)[:, None, None], FPS, cues, cuts)


@pytest.fixture
def model(handle):
    return handle.model


def test_one_run_of_padded_frames(model):
    lowered = lower(model, canvas_of([1] * 6))
    (piece,) = lowered.pieces
    assert piece.shape == (9, 32, 48)
    assert (piece.grid.frames, piece.grid.height, piece.grid.width, piece.grid.seconds) == (3, 2, 3, pytest.approx(1 / 3))
    assert lowered.tokens == 18
    assert (lowered.ceilings == 1).all() and not lowered.known.any()
    layout = lowered.layout(lowered.readers, lowered.all_read(1))
    assert layout.segments == (18, 18)
    assert [span.text for span in layout.spans] == [0, 1]
    assert torch.equal(layout.positions[:18, 0].unique(), torch.tensor([0.0, 8.0, 16.0]))


@pytest.mark.parametrize(
    ("levels", "tokens"),
    [
        ([0] + [1] * 8, [0, 1, 1]),
        ([0] * 5 + [1] * 4, [0, 0, 1]),
        ([0] * 4 + [1] * 5, [0, 1, 1]),  # a latent frame that covers anything unknown is unknown
        ([0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.1, 0.1, 0.1], [0.2, 0.6, 0.7]),
        ([1] * 4 + [0] * 5, [1, 1, 0, 0]),  # two runs, of 4 frames (made as 5) and of 5
    ],
)
def test_a_token_has_the_highest_ceiling_of_its_pixels(model, levels, tokens):
    ceilings = lower(model, canvas_of(levels)).ceilings.view(-1, 6)
    assert ceilings.amin(dim=1).tolist() == ceilings.amax(dim=1).tolist() == pytest.approx(tokens)


def test_a_region_has_its_own_tokens(model):
    ceilings = np.zeros((5, 32, 48), np.float32)
    ceilings[:, 3, 20] = 1
    ceilings[3:, 31, 47] = 0.5
    lowered = lower(model, Canvas(moving(5, 32, 48), ceilings, FPS, CUES))
    found = lowered.ceilings.view(2, 2, 3)
    assert found[0].tolist() == [[0, 1, 0], [0, 0, 0]]
    assert found[1].tolist() == [[0, 1, 0], [0, 0, 0.5]]


def test_known_tokens_are_the_codec_s(model):
    canvas = canvas_of([0] * 5 + [1] * 4)
    lowered = lower(model, canvas)
    video = torch.from_numpy(canvas.pixels[:5]).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
    with torch.inference_mode():
        latents = model.autoencoder.encode(video)[0]
    found = from_tokens(lowered.known, lowered.pieces[0].grid, model.config.patch)
    assert float((found[:, :2] - latents).abs().max()) < 0.1 * float(latents.std())  # bf16 or not
    assert not found[:, 2:].any()


@pytest.mark.parametrize("levels", [[1] * 4 + [0] * 5, [0] * 5 + [1] * 6 + [0] * 5, [0] * 5 + [1] * 8])
def test_what_is_unknown_leaks_into_nothing(model, levels):
    canvas = canvas_of(levels)
    other = canvas_of(levels, seed=7)
    unknown = np.array(levels) == 1
    mixed = canvas.pixels.copy()
    mixed[unknown] = other.pixels[unknown]
    one = lower(model, canvas)
    two = lower(model, Canvas(mixed, canvas.ceilings, FPS, CUES))
    given = one.ceilings == 0
    assert torch.equal(one.known[given], two.known[given])
    assert given.any()


def test_runs_sit_at_their_own_seconds(model):
    lowered = lower(model, canvas_of([1] * 6 + [0] * 5))
    times = lowered.layout(lowered.readers).positions[:, 0] / 24
    assert [piece.grid.start for piece in lowered.pieces] == [0, pytest.approx(0.5)]
    assert times.unique().tolist() == pytest.approx([0, 1 / 3, 0.5, 2 / 3, 0.5 + 1 / 3])


def test_tokens_read_the_cue_of_their_time(model):
    cues = (Cue(0.0, "a dog"), Cue(0.5, "a cat"), Cue(0.6, "never seen"))
    lowered = lower(model, canvas_of([1] * 13, cues=cues))
    assert lowered.readers == ((12, 0), (12, 2))  # latent frames at 0 and 1/3 s, at 2/3 and 1 s
    cut = lower(model, canvas_of([1] * 13, cues=cues[:2], cuts=(6,)))
    assert len(cut.pieces) == 2
    assert cut.readers == ((18, 0), (18, 1))  # the first shot's last latent frame reaches beyond the cut, but is of the first


def test_edges_are_continued(model):
    lowered = lower(model, canvas_of([0.4] * 3, height=17, width=33))
    assert lowered.pieces[0].shape == (5, 32, 48)
    assert lowered.ceilings.unique().tolist() == pytest.approx([0.4])
