"""Any canvas is filled, what was given stays, and the same seed gives the same pixels. The model's weights are random."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from tests.media.making import moving
from worldreel.errors import UserError
from worldreel.generation import Settings, carry_out, generate, plan
from worldreel.generation.filling import denoised
from worldreel.generation.pixels import to_pixels
from worldreel.generation.seam import with_detail
from worldreel.media import Clip
from worldreel.models.lowering import lower
from worldreel.patches import from_tokens, to_tokens
from worldreel.prompting import MODES, Canvas, Composition, Cue, Made
from worldreel.prompting.modes import mode

FPS = Fraction(12)


@pytest.fixture
def fill(handle):
    """Fills any canvas, through a mode that takes one."""

    @mode
    def any_canvas(canvas, *, within):
        return Composition((Made(canvas, 0, canvas.frames),), canvas.width, canvas.height, canvas.fps)

    def filled(canvas, **settings):
        return generate(handle.model, "any_canvas", canvas, settings=Settings(seed=5, **settings)).array()

    yield filled
    del MODES["any_canvas"]


def random_canvas(rng):
    """Any size and length, ceilings of frames or of pixels, cues and cuts."""
    count, height, width = (int(side) for side in rng.integers(1, (14, 40, 40)))
    shape = (count, height, width) if rng.random() < 0.4 else (count, 1, 1)
    ceilings = rng.choice([0.0, 0.6, 1.0], shape).astype(np.float32)
    cues = (Cue(0.0, "a dog"), Cue(float(rng.uniform(0.01, 1)), "a cat"))[: int(rng.integers(1, 3))]
    cuts = tuple(sorted({int(cut) for cut in rng.integers(1, count, 2)})) if count > 1 and rng.random() < 0.3 else ()
    return Canvas(moving(count, height, width), ceilings, Fraction(int(rng.integers(1, 30))), cues, cuts)


@pytest.mark.parametrize("solver", ["euler", "stochastic", "multistep"])
@pytest.mark.parametrize("seed", range(6))
def test_any_canvas_is_filled(fill, seed, solver):
    canvas = random_canvas(np.random.default_rng(seed))
    made = fill(canvas, solver=solver, steps=3)
    assert made.shape == canvas.pixels.shape
    given = np.broadcast_to(canvas.given, made.shape[:3])
    assert np.array_equal(made[given], canvas.pixels[given])
    assert np.array_equal(fill(canvas, solver=solver, steps=3), made)


@pytest.mark.parametrize("seed", range(3))
def test_weights_with_one_level_fill_the_same_canvases(fill, handle, monkeypatch, seed):
    monkeypatch.setattr(handle.model, "config", handle.model.config.model_copy(update={"levels": "sample"}))
    canvas = random_canvas(np.random.default_rng(seed))
    made = fill(canvas, steps=3)
    given = np.broadcast_to(canvas.given, made.shape[:3])
    assert np.array_equal(made[given], canvas.pixels[given])


def test_new_noise_is_for_what_no_noise_holds(fill):
    """A draft that is not shown is all in the noise over it."""
    for ceiling, same in ((0.6, True), (1.0, False)):
        canvas = Canvas(moving(5, 32, 32), np.full((5, 1, 1), ceiling, np.float32), FPS, (Cue(0.0, "a dog"),))
        assert np.array_equal(fill(canvas, solver="stochastic"), fill(canvas, solver="euler")) == same


def test_new_noise_is_for_edits_that_are_shown(editor):
    clip = Clip.from_array(moving(5, 32, 32), FPS)
    made = [
        generate(editor.model, "edit", clip, "a dog", settings=Settings(seed=5, steps=5, solver=solver)).array()
        for solver in ("stochastic", "euler")
    ]
    assert not np.array_equal(*made)


def test_nothing_unknown_changes_nothing(fill):
    canvas = Canvas(moving(6, 20, 30), np.zeros((6, 1, 1), np.float32), FPS, (Cue(0.0, "a dog"),))
    assert np.array_equal(fill(canvas), canvas.pixels)


def test_a_higher_ceiling_changes_more(fill):
    changes = []
    for ceiling in (0.05, 0.3, 0.9):
        canvas = Canvas(moving(5, 32, 32), np.full((5, 1, 1), ceiling, np.float32), FPS, (Cue(0.0, "a dog"),))
        changes.append(np.abs(fill(canvas, steps=10).astype(float) - canvas.pixels).mean())
    untouched = Canvas(moving(5, 32, 32), np.full((5, 1, 1), 1e-6, np.float32), FPS, (Cue(0.0, "a dog"),))
    codec = np.abs(fill(untouched).astype(float) - untouched.pixels).mean()
    assert abs(changes[0] - codec) < changes[2]
    assert changes[1] != changes[2]


@pytest.mark.parametrize(
    ("name", "asked", "frames"),
    [
        ("extend", {"seconds": 0.5}, 15),
        ("extend", {"seconds": 0.5, "direction": "backward"}, 15),
        ("extend", {"seconds": 0.5, "direction": "both"}, 21),
        ("loop", {"seconds": 0.5}, 15),
        ("fill", {"missing": "3:6"}, 9),
        ("edit", {"strength": "0.5"}, 9),
        ("enlarge", {"size": "80x40"}, 9),
    ],
)
def test_modes_on_a_clip_of_any_size(handle, name, asked, frames):
    clip = Clip.from_array(moving(9, 20, 40), 12)
    made = generate(handle.model, name, clip, "a dog", settings=Settings(seed=1), **asked)
    shown = made.array()
    assert shown.shape == (frames, *(40, 80) * (name == "enlarge"), *(20, 40) * (name != "enlarge"), 3)
    assert made.metadata["mode"] == name
    if name in ("extend", "loop", "fill"):
        kept = sum((frame[None] == clip.array()).all(axis=(1, 2, 3)).any() for frame in shown)
        assert kept == 9 - 3 * (name == "fill")
        assert made.metadata["parents"].startswith("a clip of 40x20")


def test_given_pixels_stay_at_the_clip_s_own_size(handle):
    """The model is taught 32x32; the clip is larger, and is kept as it is wherever the mask is black."""
    clip = Clip.from_array(moving(5, 64, 64), 12)
    mask = np.zeros((1, 64, 64, 3), np.uint8)
    mask[:, :32] = 255
    made = generate(handle.model, "fill", clip, "a dog", mask=Clip.from_array(mask, 12)).array()
    assert np.array_equal(made[:, 32:], clip.array()[:, 32:])
    assert not np.array_equal(made[:, :32], clip.array()[:, :32])


def test_connecting_names_both_parents(handle):
    first = generate(handle.model, "generate", "a dog", settings=Settings(seed=3))
    second = Clip.from_array(moving(5, 32, 32), 12)
    made = generate(handle.model, "connect", first, second, "a dog becomes a cat", seconds=0.5)
    assert made.metadata["parents"] == "a dog (seed 3); a clip of 32x32"
    assert made.frame_count == 6 + 6 + 5


def test_a_loop_from_a_prompt(handle):
    """The first two thirds are what the prompt gives; the last third leads back."""
    made = generate(handle.model, "generate", "a dog", settings=Settings(seed=3), frames=12, loop=True)
    assert made.frame_count == 12 and made.array().shape == (12, 32, 32, 3)
    assert np.array_equal(
        made.array()[:8], generate(handle.model, "generate", "a dog", settings=Settings(seed=3), frames=8).array()
    )
    assert (made.metadata["mode"], made.metadata["frames"]) == ("generate", "12")
    with pytest.raises(UserError, match="3 frames or more, not 2"):
        generate(handle.model, "generate", "a dog", frames=2, loop=True)


def test_an_edit_that_says_the_same_twice_changes_no_token(handle):
    """And one that says something else does, the more the stronger; always the same for a seed."""
    model, clip = handle.model, Clip.from_array(moving(9, 32, 32), 12)

    def tokens(prompt, strength):
        settings = Settings(seed=1, steps=4, guidance=1)
        settled = plan(model.config, "edit", clip, prompt, was="a dog", strength=strength, settings=settings)
        (canvas,) = settled.composition.canvases
        with torch.inference_mode():
            lowered, generator = lower(model, canvas), torch.Generator().manual_seed(1)
            return lowered.known, denoised(model, canvas, lowered, settled, generator, lambda progress: None)

    known, same = tokens("a dog", "0.8")
    torch.testing.assert_close(same, known, atol=1e-5, rtol=0)
    changes = [float((made - known).norm()) for known, made in (tokens("a cat", strength) for strength in ("0", "0.4", "0.9"))]
    assert changes[0] == 0 < changes[1] < changes[2]
    assert torch.equal(tokens("a cat", "0.4")[1], tokens("a cat", "0.4")[1])


def test_a_model_that_sees_what_it_edits_begins_from_it(editor):
    """Nothing changes at strength 0; what may change does, with what it is said to show or without, the same for a seed."""
    clip = Clip.from_array(moving(9, 32, 32), 12)

    def made(**asked):
        return generate(editor.model, "edit", clip, "a cat", settings=Settings(seed=1, steps=4), **asked).array()

    assert np.array_equal(made(strength="0"), clip.array())
    assert not np.array_equal(made(strength="0.5"), clip.array())
    assert np.array_equal(made(strength="0.5", was="a dog"), made(strength="0.5", was="a dog"))
    assert not np.array_equal(made(strength="0.5", was="a dog"), made(strength="0.5"))
    assert made(strength="1").shape == clip.array().shape


def test_an_enlarger_gives_detail_and_no_more(editor):
    """Without strength nothing is made anew: what comes is what the enlarger makes, decoded, with the detail of the codec."""
    model, clip = editor.model, Clip.from_array(moving(5, 32, 32), 12)
    settled = plan(model.config, "enlarge", clip, "a cat", size="64x64", settings=Settings(seed=1, steps=4))
    (canvas,) = settled.composition.canvases
    seen = []
    made = carry_out(model, settled, seen.append).array()
    assert not any(progress.stage == "denoising" for progress in seen)
    with torch.inference_mode():
        lowered = lower(model, canvas)
        enlarged = model.enlarged(canvas, lowered)
        (piece,) = lowered.pieces
        latents = model.enlarger(from_tokens(lowered.known, piece.grid, model.config.patch)[None])[0]
        decoded, resized = (torch.cat(list(model.decode(each.known, piece.grid)), dim=2)[0] for each in (enlarged, lowered))
    close = float((to_tokens(latents, model.config.patch) - enlarged.known).norm() / enlarged.known.norm())
    assert close < 0.02  # bf16 in the one
    assert not np.array_equal(to_pixels(decoded), to_pixels(resized))
    assert np.array_equal(made, with_detail(to_pixels(decoded), to_pixels(resized), canvas))


def test_a_strength_is_a_share_of_the_steps(handle):
    model, clip = handle.model, Clip.from_array(moving(9, 64, 64), 12)
    for strength, steps in ((0.5, 5), (0.2, 2), (1.0, 10), (0.0, 0)):
        seen = []
        asked = {"size": "64x64", "strength": strength}
        settled = plan(model.config, "enlarge", clip, "a cat", settings=Settings(seed=1, steps=10), **asked)
        carry_out(model, settled, seen.append)
        assert sum(progress.stage == "denoising" for progress in seen) == pytest.approx(steps, abs=1)


def test_seeds_differ_between_the_two_sides_of_an_extension(handle):
    clip = Clip.from_array(np.full((1, 32, 32, 3), 90, np.uint8), 12)
    settled = plan(handle.model.config, "extend", clip, "a dog", direction="both", seconds=0.5, settings=Settings(seed=1))
    assert len(settled.composition.canvases) == 2
    made = generate(handle.model, "extend", clip, "a dog", direction="both", seconds=0.5, settings=Settings(seed=1)).array()
    assert not np.array_equal(made[:6], made[7:])
