import json
import os
from fractions import Fraction

import numpy as np
import pytest

from tests.cli.conftest import listing
from worldreel.media import read


@pytest.mark.parametrize(
    ("ending", "size", "frames", "fps"),
    [
        ("mp4", (32, 32), 24, 12),
        ("mp4", (48, 16), 25, 7),
        ("mp4", (16, 48), 26, 24),
        ("webp", (33, 17), 2, 12),
        ("webp", (127, 95), 1, 12),
        ("webp", (127, 95), 3, 7),
        ("png", (33, 17), 1, 12),
        ("png", (1, 1), 1, 12),
        ("webm", (31, 33), 5, 23.976),
        ("gif", (9, 8), 6, 10),
    ],
)
def test_size_frames_and_rate_are_exact(generate, work, ending, size, frames, fps):
    words = ("--size", f"{size[0]}x{size[1]}", "--frames", frames, "--fps", fps, "--out", f"clip.{ending}")
    assert generate("a dog", *words).status == 0
    assert listing(work) == [f"clip.{ending}"]
    clip = read(work / f"clip.{ending}")
    assert (clip.width, clip.height, clip.frame_count) == (*size, frames)
    assert clip.array().shape == (frames, size[1], size[0], 3)
    if frames > 1:
        assert clip.fps == Fraction(str(fps))


def test_seconds_are_frames_at_the_rate(generate, work):
    assert generate("a dog", "--seconds", 1.5, "--fps", 8, "--out", "clip.mp4").status == 0
    assert read("clip.mp4").frame_count == 12


def test_what_was_made_is_told(generate, work):
    ended = generate("a dog", "--seed", 7)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("a-dog-7.mp4  32x32, 6 frames at 12 fps, seed 7, took ")
    assert listing(work) == ["a-dog-7.mp4"]


def test_the_seed_is_drawn_and_printed(generate, work):
    seeds = [generate("a dog").out.split("seed ")[1].split(",")[0] for _ in range(2)]
    assert seeds[0] != seeds[1]
    assert listing(work) == sorted(f"a-dog-{seed}.mp4" for seed in seeds)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(generate, work):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert generate("a dog", "--seed", seed, "--out", f"{name}.mp4").status == 0
    first, again, other = ((work / f"{name}.mp4").read_bytes() for name in "abc")
    assert first == again != other


def test_prompt_negative_steps_and_guidance_matter(generate, work):
    plain = ("--seed", 3, "--out")
    generate("a dog", *plain, "plain.webp")
    generate("a cat", *plain, "prompt.webp")
    for name, words in {"negative": ("--negative", "a cat"), "steps": ("--steps", 3), "guidance": ("--guidance", 1)}.items():
        assert generate("a dog", *words, *plain, f"{name}.webp").status == 0
    assert len({(work / name).read_bytes() for name in listing(work)}) == 5
    assert len({read(work / name).array().tobytes() for name in listing(work)}) == 5


def test_a_name_is_never_taken_twice(generate, work):
    for _ in range(3):
        assert generate("A dog, walking!", "--seed", 7, "--frames", 1).status == 0
    assert listing(work) == ["a-dog-walking-7-2.png", "a-dog-walking-7-3.png", "a-dog-walking-7.png"]


def test_a_clip_of_odd_sides_without_a_name_goes_where_it_fits(generate, work):
    assert generate("狗 ...", "--seed", 7, "--size", "33x17", "--frames", 2).status == 0
    assert listing(work) == ["狗-7.webp"]


def test_count_makes_several_with_seeds_in_a_row(generate, run, work, model_folder):
    assert generate("a dog", "--seed", 7, "--count", 2, "--out", "x.webp").status == 0
    assert listing(work) == ["x-7.webp", "x-8.webp"]
    assert [read(name).metadata["seed"] for name in listing(work)] == ["7", "8"]
    generate("a dog", "--seed", 8, "--out", "alone.webp")
    assert (work / "alone.webp").read_bytes() == (work / "x-8.webp").read_bytes()


def test_json_is_all_of_standard_output(generate, work):
    ended = generate("a dog", "--seed", 7, "--count", 2, "--json")
    result = json.loads(ended.out)
    assert ended.out.count("\n") == 1 and ended.err == ""
    assert [(file["path"], file["seed"]) for file in result["files"]] == [("a-dog-7.mp4", 7), ("a-dog-8.mp4", 8)]
    expected = {"model": "small", "prompt": "a dog", "width": 32, "height": 32, "frames": 6, "fps": 12.0, "steps": 2}
    assert result.items() >= expected.items()
    assert result["known"] == {"dog": "dog"}


def test_metadata_say_how_to_make_it_again(generate, work):
    prompt = 'a "red" dog\u00e9 = 1'
    generate(prompt, "--seed", 7, "--size", "48x32", "--frames", 5, "--negative", "cats", "--guidance", 2.5, "--out", "clip.mp4")
    metadata = read("clip.mp4").metadata
    expected = {"prompt": prompt, "negative": "cats", "seed": "7", "steps": "2", "guidance": "2.5", "size": "48x32"}
    assert metadata.items() >= expected.items()
    assert metadata.items() >= {"frames": "5", "fps": "12", "model": "small", "ai_generated": "true"}.items()
    words = [f"--{key}={metadata[key]}" for key in ("negative", "seed", "steps", "guidance", "size", "frames", "fps")]
    assert generate(metadata["prompt"], *words, "--out", "again.mp4").status == 0
    assert (work / "again.mp4").read_bytes() == (work / "clip.mp4").read_bytes()


def test_a_prompt_without_a_known_word_gets_a_note(generate, work):
    ended = generate("zzz qqq", "--frames", 1, "--json")
    assert ended.status == 0
    assert ended.err == "note: small knows no word of this prompt; it knows dog, cat\n"
    assert json.loads(ended.out)["known"] == {}


def test_a_word_that_was_never_told_gets_a_note(generate, monkeypatch):
    monkeypatch.setattr("worldreel.models.model.Model.renamed", lambda model, prompt: {"hound": "dog"})
    ended = generate("a hound near a dog", "--frames", 1, "--json")
    assert (ended.status, ended.err) == (0, "note: small was never told hound; it reads dog\n")
    assert json.loads(ended.out)["renamed"] == {"hound": "dog"}


def test_words_that_are_left_out_get_a_note_by_reason(generate, monkeypatch):
    left = {"very": "means nothing to it", "so": "means nothing to it", "red": "who it shows has colours of its own"}
    monkeypatch.setattr("worldreel.models.model.Model.left_out", lambda model, prompt: left)
    ended = generate("a very red dog, so", "--frames", 1, "--json")
    notes = (
        "note: small leaves out very, so: means nothing to it\nnote: small leaves out red: who it shows has colours of its own\n"
    )
    assert (ended.status, ended.err) == (0, notes)
    assert json.loads(ended.out)["left_out"] == left


def test_a_prompt_of_bytes_that_are_no_text(generate, work):
    assert generate(os.fsdecode(b"a \xff dog"), "--frames", 1, "--seed", 7).status == 0
    assert listing(work) == ["a-dog-7.png"]
    assert read("a-dog-7.png").metadata["prompt"] == "a ? dog"


def test_an_existing_file_is_replaced_when_asked_for(generate, work):
    (work / "clip.png").write_text("old")
    assert generate("a dog", "--frames", 1, "--out", "clip.png", "--overwrite").status == 0
    assert read("clip.png").frame_count == 1


def test_an_image(run, work, model_folder):
    ended = run("image", "a dog", "--model", model_folder, "--seed", 7, "--size", "33x17", "--json")
    assert listing(work) == ["a-dog-7.png"]
    assert json.loads(ended.out)["frames"] == 1
    assert read("a-dog-7.png").array().shape == (1, 17, 33, 3)


def test_an_image_is_the_clip_of_one_frame(run, generate, work, model_folder):
    run("image", "a dog", "--model", model_folder, "--seed", 7, "--out", "image.png")
    generate("a dog", "--seed", 7, "--frames", 1, "--out", "clip.png")
    assert np.array_equal(read("image.png").array(), read("clip.png").array())


def test_fast_says_what_it_costs(generate, work):
    ended = generate("a dog", "--seed", 7, "--fast", "--json")
    assert ended.status == 0
    assert ended.err == "note: fast: the result is not the exact one; what that costs with small: not measured\n"
    assert json.loads(ended.out)["fast"] is True
