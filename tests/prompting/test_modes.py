"""What each mode gives, without any model: whose frames are where, and what is to be made."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from tests.media.making import moving
from worldreel.errors import UserError
from worldreel.media import Clip
from worldreel.prompting import MODES, Bounds, Canvas, Composition, Cue, Made
from worldreel.prompting.canvas import blank, unknown
from worldreel.prompting.modes import mode

BOUNDS = Bounds(
    model="small",
    width=32,
    height=32,
    seconds=2.0,
    fps=Fraction(12),
    most=60.0,
    sizes=((64, 48), (32, 32), (48, 36)),
    few=48 * 36,
    longest=3.0,
    fastest=Fraction(24),
    check=lambda shape, fps: None,
)


def compose(name, *given, **asked):
    return MODES[name](*given, **asked, within=BOUNDS)


def clip_of(count, fps=12, height=48, width=64):
    return Clip.from_array(moving(count, height, width), fps)


def only_made(composition):
    (made,) = [part for part in composition.parts if isinstance(part, Made)]
    return made


def levels(canvas):
    return canvas.ceilings[:, 0, 0].tolist()


def test_all_modes_of_the_report_are_there():
    modes = "animate connect edit enlarge extend fill generate image loop storyboard"
    assert sorted(MODES) == modes.split()


def test_an_edit_knows_what_a_clip_was_made_from():
    clip = clip_of(5)
    made_here = Clip.from_array(clip.array(), 12, {"ai_generated": "true", "prompt": "a dog on a blue background"})
    titled = Clip.from_array(clip.array(), 12, {"title": "holidays", "prompt": "who knows"})
    for given, asked, was in (
        (clip, {}, None),
        (titled, {}, None),
        (clip, {"was": "a dog"}, "a dog"),
        (made_here, {}, "a dog on a blue background"),
        (made_here, {"was": ""}, None),
    ):
        assert only_made(compose("edit", given, "a cat", **asked)).canvas.was == was


def test_text_is_all_unknown():
    found = compose("generate", "a dog", size="40x24", seconds=1.5, fps=8)
    made = only_made(found)
    assert (found.width, found.height, found.fps, found.frames) == (40, 24, 8, 12)
    assert levels(made.canvas) == [1] * 12
    assert compose("image", "a dog").frames == 1


@pytest.mark.parametrize(
    ("size", "made"),
    [
        ("40x30", (48, 36)),  # the least size of training that has its shape
        ("41x30", (48, 36)),  # or nearly so
        ("32x32", (32, 32)),  # taught
        ("40x20", (40, 20)),  # nothing of this shape was
        ("20x15", (20, 15)),  # or only far larger
        ("56x42", (56, 42)),  # tokens enough
    ],
)
def test_small_frames_are_made_larger_where_the_model_knows_a_larger_one(size, made):
    width, height = map(int, size.split("x"))
    shot = compose("generate", "a dog", size=size, frames=6, loop=True)
    for found in (shot, compose("image", "a dog", size=size), compose("animate", clip_of(1, 12, height, width), "a dog")):
        canvas = only_made(found).canvas
        assert (canvas.width, canvas.height) == made and (found.width, found.height) == (width, height)
        resized = f"new frames are made at {made[0]}x{made[1]}, a size the model was taught, and resized to {size}"
        assert found.notes == (() if made == (width, height) else (resized,))


def test_animation_begins_with_the_image_itself():
    image = clip_of(1, height=96, width=128)  # four times what the model was taught
    found = compose("animate", image, "a dog", seconds=1)
    first, made = found.parts
    assert np.array_equal(first.array(), image.array())
    assert (found.width, found.height, found.frames) == (128, 96, 12)
    assert (made.canvas.width, made.canvas.height) == (64, 48)
    assert levels(made.canvas) == [0] + [1] * 11
    assert "resized to 128x96" in found.notes[0]


@pytest.mark.parametrize("count", [1, 2, 9, 30])
def test_extensions_keep_the_whole_clip(count):
    clip = clip_of(count)
    for direction, order in (("forward", [Clip, Made]), ("backward", [Made, Clip]), ("both", [Made, Clip, Made])):
        found = compose("extend", clip, "a dog", seconds=1, direction=direction)
        assert [type(part) for part in found.parts] == order
        assert found.frames == count + 12 * order.count(Made)
        (kept,) = [part for part in found.parts if isinstance(part, Clip)]
        assert np.array_equal(kept.array(), clip.array())
        for made in (part for part in found.parts if isinstance(part, Made)):
            given = np.flatnonzero(made.canvas.ceilings[:, 0, 0] == 0)
            known = min(13, 1 + (count - 1) // 4 * 4)
            assert len(given) == known and known % 4 == 1  # as many as the codec takes in whole latent frames
            before = made.start > given[0]
            shown = clip.array()[-known:] if before else clip.array()[:known]
            assert np.array_equal(made.canvas.pixels[given], shown)
            assert made.stop - made.start == 12
            assert (made.start == known) if before else (made.stop == given[0])


def test_fast_clips_are_continued_in_fewer_frames():
    """60 fps, of which the model knows 24: every third frame is looked at, and each new one stands for three."""
    clip = clip_of(30, fps=60)
    found = compose("extend", clip, "a dog", seconds=0.5)
    made = only_made(found)
    assert made.canvas.fps == 20
    assert np.array_equal(made.canvas.pixels[: made.start], clip.array()[29 - 3 * (made.start - 1) :: 3])
    assert found.frames == 30 + 30
    assert "shown 3 times" in found.notes[-1]


def test_a_loop_leads_from_the_end_to_the_beginning():
    clip = clip_of(20)
    found = compose("loop", clip, "a dog", seconds=1)
    kept, made = found.parts
    assert found.frames == 32 and kept.frame_count == 20
    known = made.start
    assert np.array_equal(made.canvas.pixels[:known], clip.array()[-known:])
    assert np.array_equal(made.canvas.pixels[made.stop :], clip.array()[:known])
    assert levels(made.canvas) == [0] * known + [1] * 12 + [0] * known


def test_a_bridge_stands_between_two_clips():
    first, second = clip_of(20), clip_of(9, fps=24, height=24, width=32)
    found = compose("connect", first, second, "a dog", seconds=1)
    one, made, two = found.parts
    assert np.array_equal(one.array(), first.array())
    assert (two.width, two.height, two.fps, two.frame_count) == (64, 48, 12, 5)
    assert made.stop - made.start == 12
    assert len(found.notes) == 2  # on size and rate


def test_a_blend_is_unknown_where_both_meet():
    first, second = clip_of(30), clip_of(20)
    found = compose("connect", first, second, "a dog", seconds=1, blend=True)
    one, made, two = found.parts
    assert (one.frame_count, made.stop - made.start, two.frame_count) == (18, 24, 8)
    found_levels = levels(made.canvas)
    assert found_levels[0] == found_levels[-1] == 0
    assert found_levels[11] == found_levels[12] == 1
    assert found_levels[:12] == sorted(found_levels[:12])
    joined = np.concatenate([one.array(), made.canvas.pixels, two.array()])
    assert np.array_equal(joined, np.concatenate([first.array(), second.array()]))


def test_missing_frames_are_between_given_ones():
    clip = clip_of(40)
    found = compose("fill", clip, "a dog", missing="16:24")
    before, made, after = found.parts
    assert (before.frame_count, made.stop - made.start, after.frame_count) == (16, 8, 16)
    where = slice(made.start, made.stop)
    assert (made.canvas.ceilings[where] == 1).all() and (made.canvas.pixels[where] == 128).all()
    context = made.canvas.frames - made.stop
    assert np.array_equal(made.canvas.pixels[: made.start], clip.array()[16 - made.start : 16])
    assert np.array_equal(made.canvas.pixels[made.stop :], clip.array()[24 : 24 + context])


def test_a_missing_region_leaves_the_rest():
    clip = clip_of(9, height=96, width=128)
    mask = np.zeros((1, 48, 64, 3), np.uint8)  # of another size, of the same shape
    mask[:, :24] = 255
    found = compose("fill", clip, "a dog", mask=Clip.from_array(mask, 12), missing="2:7")
    _, made, _ = found.parts
    assert made.over.frame_count == 5
    ceilings = made.canvas.ceilings[made.start : made.stop]
    assert (ceilings[:, :24] == 1).all() and (ceilings[:, 24:] == 0).all()


def test_strength_may_change_over_time():
    clip = clip_of(5)
    same = levels(only_made(compose("edit", clip, "a cat", strength="0.7")).canvas)
    assert len(set(same)) == 1 and 0.7 < same[0] < 0.8
    rising = levels(only_made(compose("edit", clip, "a cat", strength="0.2:1")).canvas)
    assert rising[0] > 0.2 and rising == sorted(set(rising)) and rising[-1] == 1
    shown = [
        levels(only_made(MODES["edit"](clip, "a cat", strength=str(strength), within=replace(BOUNDS, shows_edited=True))).canvas)[
            0
        ]
        for strength in (0, 0.3, 0.5, 0.7, 0.9, 1)
    ]
    assert shown == sorted(set(shown)) and shown[0] == 0 and shown[-1] == 1
    assert shown[3] == pytest.approx(same[0]) and shown[1] < 0.2 and shown[2] < 0.5  # steeper, and the same at 0.7
    made = only_made(compose("edit", clip, "a cat", strength="0"))
    assert made.canvas.given.all() and np.array_equal(made.canvas.pixels, clip.array())


def test_a_draft_is_enlarged():
    found = compose("enlarge", clip_of(3), "a dog", size="96x72", strength=0.3)
    made = only_made(found)
    assert (found.width, found.height, found.frames) == (96, 72, 3)
    assert made.canvas.pixels.shape == (3, 72, 96, 3)
    assert levels(made.canvas) == pytest.approx([0.3] * 3)
    assert levels(only_made(compose("enlarge", clip_of(3), "a dog", size="96x72")).canvas) == pytest.approx([0.1] * 3)


def test_with_an_enlarger_nothing_is_made_anew_unless_asked_for():
    within = replace(BOUNDS, enlarges=True)

    def canvas(size, **asked):
        return only_made(MODES["enlarge"](clip_of(3), "a dog", size=size, **asked, within=within)).canvas

    assert levels(canvas("96x72")) == [0, 0, 0] and canvas("96x72").enlarged and not canvas("96x72").given.any()
    assert levels(canvas("96x72", strength=0.3)) == pytest.approx([0.3] * 3) and canvas("96x72", strength=0.3).enlarged
    assert not canvas("32x24").enlarged and canvas("32x24").given.all()  # smaller than it was


def test_a_storyboard_is_cues_cuts_and_pictures(tmp_path):
    clip_of(1).save(tmp_path / "one.png")
    clip_of(6).save(tmp_path / "some.webp")
    cards = [
        {"at": 1, "prompt": "a cat", "cut": True},
        {"at": 0, "prompt": "a dog"},
        {"at": 0.5, "image": "one.png"},
        {"at": 1.5, "clip": "some.webp"},
    ]
    (tmp_path / "board.json").write_text(json.dumps({"cards": cards, "seconds": 2, "size": "64x48"}))
    canvas = only_made(compose("storyboard", tmp_path / "board.json")).canvas
    assert canvas.cues == (Cue(0.0, "a dog"), Cue(1.0, "a cat"))
    assert canvas.cuts == (12,)
    assert np.flatnonzero(canvas.ceilings == 0).tolist() == [6, 18, 19, 20, 21, 22, 23]
    assert np.array_equal(canvas.pixels[6:7], clip_of(1).array())
    assert np.array_equal(canvas.pixels[18:], clip_of(6).array())


def test_clips_that_cannot_count_themselves_are_counted():
    clip = clip_of(7)
    shy = Clip.from_frames(clip.frames, 64, 48, 12)
    assert compose("extend", shy, "a dog").frames == 7 + 12
    with pytest.raises(UserError, match="the clip has no frame"):
        compose("extend", Clip.from_frames(lambda: iter(()), 64, 48, 12), "a dog")


@pytest.mark.parametrize(
    ("name", "asked", "says"),
    [
        ("fill", {}, "nothing is missing"),
        ("fill", {"missing": "8-12"}, "is not FIRST:LAST"),
        ("fill", {"missing": "5:99"}, "not inside the clip's frames 0:12"),
        ("fill", {"missing": "7:7"}, "not inside the clip's frames 0:12"),
        ("fill", {"missing": "0:12"}, "is the whole clip"),
        ("fill", {"mask": clip_of(1, height=64, width=48)}, "the mask is 48x64, the clip 64x48"),
        ("fill", {"mask": clip_of(5)}, "the mask has 5 frames, the clip 12"),
        ("edit", {"mask": Clip.from_array(np.zeros((1, 48, 64, 3), np.uint8), 12)}, "has no white"),
        ("edit", {"strength": "1.5"}, "--strength 1.5"),
        ("edit", {"strength": "much"}, "--strength much"),
        ("edit", {"strength": "nan"}, "--strength nan"),
        ("edit", {"strength": "0.1:0.2:0.3"}, "--strength"),
        ("enlarge", {"size": "96x72", "strength": -1.0}, "--strength -1.0"),
        ("enlarge", {"size": "big"}, "is not WIDTHxHEIGHT"),
        ("extend", {"seconds": 0.0}, "--seconds 0.0"),
        ("extend", {"seconds": float("nan")}, "--seconds nan"),
        ("animate", {"frames": 1}, "2 frames or more"),
        ("loop", {"seconds": 61.0}, "60 is the most with small"),
    ],
)
def test_mistakes_are_one_line(name, asked, says):
    with pytest.raises(UserError, match=says) as refusal:
        compose(name, clip_of(12), "a dog", **asked)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("board", "says"),
    [
        ({"cards": [], "seconds": 1}, "cards"),
        ({"cards": [{"at": 0}], "seconds": 1}, "no card has a prompt"),
        ({"cards": [{"at": 0, "prompt": "a", "sound": "b"}], "seconds": 1}, "sound"),
        ({"cards": [{"at": 2, "prompt": "a"}], "seconds": 1}, "a card at 2 s is not inside of 1 s"),
        ({"cards": [{"at": -1, "prompt": "a"}], "seconds": 1}, "at"),
        ({"cards": [{"at": 0, "prompt": "a"}, {"at": 0, "prompt": "b"}], "seconds": 1}, "two cards at one time"),
        ({"cards": [{"at": 0, "prompt": "a", "image": "x.png", "clip": "y.mp4"}], "seconds": 1}, "both an image and a clip"),
        ({"cards": [{"at": 0, "prompt": "a", "image": "x.png"}], "seconds": 1}, "x.png"),
        ("not json", "board.json"),
    ],
)
def test_storyboards_with_mistakes(tmp_path, board, says):
    (tmp_path / "board.json").write_text(board if isinstance(board, str) else json.dumps(board))
    with pytest.raises(UserError, match=says) as refusal:
        compose("storyboard", tmp_path / "board.json")
    assert "\n" not in str(refusal.value)


def test_a_new_mode_is_one_function():
    """What docs/prompting.md shows: nothing else is touched."""

    @mode
    def still(image: Clip, prompt: str, *, frames: int = 9, within: Bounds) -> Composition:
        """An image that comes alive only in its middle."""
        pixels, ceilings = blank(frames, image.height, image.width), unknown(frames)
        pixels[[0, -1]], ceilings[[0, -1]] = image.array()[0], 0
        canvas = Canvas(pixels, ceilings, within.fps, (Cue(0.0, prompt),))
        return Composition((Made(canvas, 0, frames),), image.width, image.height, within.fps)

    try:
        assert levels(only_made(compose("still", clip_of(1), "a dog")).canvas) == [0, 1, 1, 1, 1, 1, 1, 1, 0]
    finally:
        del MODES["still"]
