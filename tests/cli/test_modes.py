"""The modes of prompting as commands: files in, a file out."""

import json

import av
import numpy as np
import pytest

from tests.cli.conftest import listing
from tests.media.making import moving, mux
from worldreel.cli import modes
from worldreel.media import Clip, read
from worldreel.prompting import MODES


@pytest.fixture
def clip(work):
    """Nine lossless frames of 40x24 at 12 fps."""
    Clip.from_array(moving(9, 24, 40), 12).save(work / "clip.webp")
    return read(work / "clip.webp").array()


@pytest.fixture
def make(run, model_folder):
    return lambda *words: run(*words, "--model", model_folder, "--json", "--seed", 1)


def test_every_mode_is_a_command_with_help(run):
    assert list(modes()) == ["generate", "image", *sorted(set(MODES) - {"generate", "image"})]
    for name, summary in modes().items():
        assert summary, name
        ended = run(name, "--help")
        assert ended.status == 0
        assert MODES[name].__doc__.split()[0] in ended.out
        assert "within" not in ended.out


@pytest.mark.parametrize(
    ("words", "frames"),
    [
        (("extend", "clip.webp", "a dog"), 21),
        (("extend", "clip.webp", "a dog", "--seconds", 0.5, "--direction", "both"), 21),
        (("loop", "clip.webp", "a dog", "--seconds", 0.5), 15),
        (("connect", "clip.webp", "clip.webp", "a dog", "--seconds", 0.5), 24),
        (("connect", "clip.webp", "clip.webp", "a dog", "--seconds", 0.5, "--blend"), 18),
        (("fill", "clip.webp", "a dog", "--missing", "3:6"), 9),
        (("edit", "clip.webp", "a cat", "--strength", 0.5), 9),
        (("enlarge", "clip.webp", "a dog", "--size", "80x48"), 9),
    ],
)
def test_clips_in_and_a_clip_out(make, clip, words, frames):
    ended = make(*words, "--out", "made.webp")
    assert ended.status == 0, ended.err
    told = json.loads(ended.out)
    assert (told["mode"], told["frames"], told["fps"]) == (words[0], frames, 12)
    made = read("made.webp")
    assert made.array().shape == (frames, told["height"], told["width"], 3)
    if words[0] in ("extend", "loop", "connect"):
        where = 6 if "both" in words else 0
        kept = 3 if "--blend" in words else 9
        assert np.array_equal(made.array()[where : where + kept], clip[:kept])


def test_a_picture_comes_alive(make, clip):
    Clip.from_array(clip[:1], 12).save("one.png")
    assert make("animate", "one.png", "a dog", "--frames", 6, "--out", "made.webp").status == 0
    assert np.array_equal(read("made.webp").array()[:1], clip[:1])


def test_a_storyboard(make, work):
    board = {"cards": [{"at": 0, "prompt": "a dog"}, {"at": 0.5, "prompt": "a cat", "cut": True}], "seconds": 1, "size": "32x48"}
    (work / "board.json").write_text(json.dumps(board))
    told = json.loads(make("storyboard", "board.json").out)
    assert (told["prompt"], told["width"], told["height"], told["frames"]) == ("a dog | a cat", 32, 48, 12)


def test_variations(make, work, clip):
    told = json.loads(make("extend", "clip.webp", "a dog", "--count", 2).out)
    assert [file["seed"] for file in told["files"]] == [1, 2]
    assert len(listing(work)) == 3


def test_notes_say_what_was_resolved(run, model_folder, clip):
    Clip.from_array(moving(5, 48, 64), 24).save("other.webp")
    ended = run("connect", "clip.webp", "other.webp", "a dog", "--model", model_folder)
    assert ended.status == 0
    assert "resized from 64x48 to 40x24" in ended.err and "played at 12 fps, not 24" in ended.err


def test_animations_with_alpha_and_odd_rates_are_taken(make, work):
    from PIL import Image

    frames = [Image.fromarray(np.dstack([frame, np.full(frame.shape[:2], 90, np.uint8)])) for frame in moving(4, 24, 40)]
    frames[0].save(work / "alpha.webp", save_all=True, append_images=frames[1:], duration=80, lossless=True)
    frames[0].save(work / "alpha.png", save_all=True, append_images=frames[1:], duration=80)
    mux(work / "uneven.mkv", moving(4, 24, 40), times=[0, 30, 200, 260])
    for name in ("alpha.webp", "alpha.png", "uneven.mkv"):
        ended = make("extend", name, "a dog", "--seconds", 0.3)
        assert ended.status == 0, ended.err


def test_a_picture_of_one_pixel(make, work):
    Clip.from_array(np.full((1, 1, 1, 3), 90, np.uint8), 12).save(work / "dot.png")
    told = json.loads(make("animate", "dot.png", "a dog", "--frames", 5, "--out", "made.webp").out)
    assert (told["width"], told["height"], told["frames"]) == (1, 1, 5)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("extend", "clip.webp"), "missing PROMPT"),
        (("extend", "none.mp4", "a dog"), "none.mp4"),
        (("extend", "clip.webp", " "), "the prompt is empty"),
        (("extend", "clip.webp", "a dog", "--direction", "sideways"), "--direction"),
        (("fill", "clip.webp", "a dog"), "nothing is missing"),
        (("fill", "clip.webp", "a dog", "--missing", "3:99"), "not inside the clip's frames 0:9"),
        (("fill", "clip.webp", "a dog", "--mask", "tall.png"), "the mask is 24x40, the clip 40x24"),
        (("edit", "clip.webp", "a cat", "--strength", "2"), "--strength 2"),
        (("enlarge", "clip.webp", "a dog"), "--size"),
        (("enlarge", "clip.webp", "a dog", "--size", "100000x100000"), "GB of memory"),
        (("storyboard", "clip.webp"), "clip.webp"),
        (("storyboard", "sound.json"), "sound"),
        (("animate", "sound.mp4", "a dog"), "sound.mp4"),
        (("extend", "clip.webp", "a dog", "--out", "clip.webp"), "clip.webp exists already"),
    ],
)
def test_mistakes_are_one_line(run, refused, work, clip, model_folder, words, says):
    Clip.from_array(moving(1, 40, 24), 12).save(work / "tall.png")
    (work / "sound.json").write_text(json.dumps({"cards": [{"at": 0, "prompt": "a", "sound": "b"}], "seconds": 1}))
    with av.open(str(work / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    before = listing(work)
    refused(run(*words, "--model", model_folder), says)
    assert listing(work) == before
