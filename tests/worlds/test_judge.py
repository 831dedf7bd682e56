import numpy as np
import pytest
import torch
import torch.nn.functional as F

from worldreel.worlds.judge import Judge, Verdict
from worldreel.worlds.render import render, to_frames
from worldreel.worlds.scenes import Actor, Background, Canvas, Scene, random_scene, with_subjects
from worldreel.worlds.sprites import load_sprites
from worldreel.worlds.subjects import BY_NAME, COLOURS

SQUARE = Canvas(128, 128, 9)


@pytest.fixture(scope="module")
def judge():
    return Judge()


def draw(scene):
    return to_frames(render([scene], load_sprites())[0][0])


def truth(scene):
    """The verdict that is wholly right, but for the positions of actors that have none."""
    actors = sorted(scene.actors, key=lambda actor: actor.start[0] + actor.end[0])
    names, directions = tuple(actor.subject.name for actor in actors), tuple(actor.direction for actor in actors)
    return Verdict(names, directions, tuple(actor.position for actor in actors), scene.background.names)


def assert_right(verdict, scene):
    expected = truth(scene)
    assert verdict.refused is None
    assert (verdict.subjects, verdict.directions, verdict.background) == (
        expected.subjects,
        expected.directions,
        expected.background,
    )
    assert all(asked in (None, seen) for asked, seen in zip(expected.positions, verdict.positions, strict=True))


def degraded(frames, seed):
    """A stand-in for a codec: half the resolution, a blur in time, and noise."""
    video = torch.from_numpy(frames).float().permute(0, 3, 1, 2)
    small = F.interpolate(video, scale_factor=0.5, mode="bicubic", antialias=True)
    video = F.interpolate(small, video.shape[-2:], mode="bicubic")
    video[1:-1] = (video[:-2] + 2 * video[1:-1] + video[2:]) / 4
    video += 4 * torch.randn(video.shape, generator=torch.Generator().manual_seed(seed))
    return video.clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def standing(subject, colour, x=0.5):
    actor = Actor(BY_NAME[subject], 0.4, (x, 0.5), (x, 0.5), 0.3, position="middle")
    return Scene(SQUARE, Background((colour,), (COLOURS[colour],)), (actor,))


@pytest.mark.parametrize("seed", range(8))
def test_one_actor_is_read_rightly_and_through_a_codec_too(judge, seed):
    scene = random_scene((41, seed), SQUARE, withheld_pairs=seed % 2 == 0, alone=1)
    frames = draw(scene)
    assert_right(judge.see(frames), scene)
    assert_right(judge.see(degraded(frames, seed)), scene)


@pytest.mark.parametrize(
    ("subject", "colour"),
    [("ghost", "white"), ("snowman", "white"), ("elephant", "gray"), ("cow", "black"), ("panda", "white"), ("chick", "yellow")],
)
def test_a_subject_with_the_colour_of_its_background_is_seen(judge, subject, colour):
    scene = standing(subject, colour)
    assert_right(judge.see(degraded(draw(scene), 0)), scene)


@pytest.mark.parametrize("seed", range(4))
def test_two_and_three_actors(judge, seed):
    scene = random_scene((42, seed), SQUARE, alone=0)
    assert_right(judge.see(draw(scene)), scene)


@pytest.mark.parametrize(
    "canvas", [Canvas(64, 64, 3), Canvas(96, 96, 2), Canvas(192, 108, 5), Canvas(72, 128, 5), Canvas(256, 256, 1)], ids=str
)
def test_other_shapes_and_lengths(judge, canvas):
    for seed in range(2):
        scene = random_scene((43, seed), canvas, alone=1)
        assert_right(judge.see(draw(scene)), scene)


def test_a_blank_clip_is_refused(judge):
    for seed in range(3):
        background = random_scene((44, seed), SQUARE).background
        frames = draw(Scene(SQUARE, background, ()))
        assert judge.see(frames).refused == "nothing is seen that was taught"
        assert judge.see(degraded(frames, seed)).refused == "nothing is seen that was taught"


def test_noise_is_refused(judge):
    rng = np.random.default_rng(0)
    assert judge.see(rng.integers(0, 256, (9, 128, 128, 3), dtype=np.uint8)).refused
    assert judge.see(np.clip(rng.normal(128, 40, (9, 128, 128, 3)), 0, 255).astype(np.uint8)).refused
    smooth = torch.from_numpy(rng.uniform(0, 255, (1, 3, 4, 10, 10)))
    video = F.interpolate(smooth, (9, 128, 128), mode="trilinear")[0].permute(1, 2, 3, 0)
    assert judge.see(video.to(torch.uint8).numpy()).refused


def test_a_clip_put_together_from_two_is_refused(judge):
    dog, cat, far = standing("dog", "teal"), standing("cat", "teal"), standing("dog", "teal", x=0.25)
    on_red = with_subjects(standing("cat", "red"), BY_NAME["dog"])
    for other, reason in ((cat, "turns into"), (far, "leaps"), (on_red, "background changes")):
        verdict = judge.see(np.concatenate([draw(dog)[:4], draw(other)[4:]]))
        assert reason in (verdict.refused or "")
        assert verdict.count == 0


def test_of_a_large_cast_only_the_likely_are_looked_at_in_all_frames(judge, monkeypatch):
    monkeypatch.setattr("worldreel.worlds.judge.LIKELY", 6)
    for seed in range(4):
        scene = random_scene((41, seed), SQUARE, alone=seed % 2)
        assert judge.see(draw(scene)).subjects == truth(scene).subjects
    halves = draw(standing("dog", "teal"))[:4], draw(standing("cat", "teal"))[4:]
    assert "turns into" in (judge.see(np.concatenate(halves)).refused or "")


def test_frames_out_of_order_are_refused(judge):
    actor = Actor(BY_NAME["car"], 0.4, (0.75, 0.5), (0.25, 0.5), 0.0, direction="left")
    frames = draw(Scene(SQUARE, Background(("white",), (COLOURS["white"],)), (actor,)))
    assert judge.see(frames).directions == ("left",)
    assert judge.see(frames[::-1]).directions == ("right",)
    assert "leaps" in (judge.see(frames[np.random.default_rng(0).permutation(9)]).refused or "")
