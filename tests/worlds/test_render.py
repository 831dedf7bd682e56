from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from worldreel.worlds.render import render, to_frames
from worldreel.worlds.scenes import Canvas, random_scene
from worldreel.worlds.sprites import load_sprites

CANVASES = [Canvas(128, 128, 5), Canvas(160, 64, 4), Canvas(64, 112, 3, Fraction(24)), Canvas(96, 96, 1)]


@pytest.fixture(scope="module")
def sprites():
    return load_sprites()


def centroid(cover):
    """(x, y) in pixels by frame [T, 2] of a cover [T, H, W]."""
    y, x = (torch.arange(side) + 0.5 for side in cover.shape[1:])
    return torch.stack([(cover.sum(1) * x).sum(1), (cover.sum(2) * y).sum(1)], 1) / cover.sum((1, 2))[:, None]


def expected_centroid(scene, sprite):
    """Where the one actor's centroid should be: the centre of its square and what its art adds to that."""
    (actor,) = scene.actors
    alpha = sprite.frames[0, torch.from_numpy(sprite.frame_at(scene.canvas.seconds + actor.phase)), 3].float()
    off_centre = centroid(alpha) / sprite.side - 0.5
    if actor.mirrored:
        off_centre[:, 0] *= -1
    return torch.from_numpy(scene.centres(actor)) + off_centre * scene.side(actor)


@pytest.mark.parametrize("canvas", CANVASES, ids=str)
def test_what_is_drawn_is_where_the_truth_says(canvas, sprites):
    scenes = [random_scene((5, seed), canvas, alone=1) for seed in range(16)]
    _, cover = render(scenes, sprites)
    assert cover.shape == (16, 1, canvas.frames, canvas.height, canvas.width)
    for scene, covered in zip(scenes, cover, strict=True):
        expected = expected_centroid(scene, sprites[scene.actors[0].subject.codepoint])
        assert float((centroid(covered[0]) - expected).abs().max()) < 1.5


def test_nothing_is_cut_off_at_the_border(sprites):
    scenes = [random_scene((6, seed), CANVASES[1], alone=0.5) for seed in range(30)]
    _, cover = render(scenes, sprites)
    for edge in (cover[..., 0], cover[..., -1], cover[..., 0, :], cover[..., -1, :]):
        assert float(edge.max()) < 0.5


def test_where_no_actor_is_there_is_the_background(sprites):
    for seed in range(10):
        scene = random_scene((8, seed), CANVASES[0])
        frames = to_frames(render([scene], sprites)[0][0])
        top, bottom = np.array(scene.background.rgb[0]), np.array(scene.background.rgb[-1])
        along = np.linspace(0, 1, scene.canvas.height)[:, None]
        rows = np.broadcast_to(((1 - along) * top + along * bottom)[None, :, None], frames.shape)
        free = ~inside_squares(scene)
        assert free.any()
        assert np.abs(frames[free] - rows[free]).max() <= 0.51


def inside_squares(scene):
    """Which pixels [T, H, W] an actor's square touches."""
    y, x = np.mgrid[: scene.canvas.height, : scene.canvas.width] + 0.5
    inside = np.zeros((scene.canvas.frames, scene.canvas.height, scene.canvas.width), bool)
    for actor in scene.actors:
        for covered, centre in zip(inside, scene.centres(actor), strict=True):
            covered |= np.maximum(abs(x - centre[0]), abs(y - centre[1])) < scene.side(actor) / 2 + 2
    return inside


def test_a_scene_without_actors_is_its_background(sprites):
    scene = replace(random_scene((9,), CANVASES[3]), actors=())
    video, cover = render([scene], sprites)
    assert video.shape == (1, 3, 1, 96, 96)
    assert float(cover.max()) == 0


@pytest.mark.parametrize("canvas", CANVASES, ids=str)
def test_a_batch_equals_one_by_one(canvas, sprites):
    scenes = [random_scene((11, seed), canvas, alone=0.4) for seed in range(8)]
    video, cover = render(scenes, sprites)
    for number, scene in enumerate(scenes):
        alone, alone_cover = render([scene], sprites)
        assert torch.equal(video[number], alone[0])
        assert torch.equal(cover[number], alone_cover[0])
    again, _ = render(scenes, sprites)
    assert torch.equal(video, again)


def test_frames_are_media(sprites):
    scene = random_scene((12,), CANVASES[1])
    video, _ = render([scene], sprites)
    frames = to_frames(video[0])
    assert frames.shape == (4, 64, 160, 3)
    assert frames.dtype == np.uint8
    assert float(video.min()) >= -1
    assert float(video.max()) <= 1


def test_an_actor_grows_and_turns_as_the_truth_says(sprites):
    scene = random_scene((14,), CANVASES[0], alone=1)
    actor = replace(scene.actors[0], start=(0.5, 0.5), end=(0.5, 0.5), size=0.4, direction=None, position="middle")
    still = replace(scene, actors=(actor,))
    grown, turned = (replace(still, actors=(replace(actor, **deed),)) for deed in ({"growth": 2.0}, {"turns": 0.5}))
    cover, larger, upside_down = (render([one], sprites)[1][0, 0] for one in (still, grown, turned))
    # At its largest it is as it is without the deed, and at first it covers a quarter of that.
    assert torch.allclose(larger[-1], cover[-1], atol=1e-6)
    assert float(larger[0].sum() / cover[0].sum()) == pytest.approx(0.25, abs=0.02)
    assert torch.allclose(upside_down[-1], cover[-1].flip(0, 1), atol=1e-4)


def test_it_turns_clockwise(sprites):
    scene = random_scene((14,), CANVASES[0], alone=1)
    actor = replace(scene.actors[0], start=(0.5, 0.5), end=(0.5, 0.5), size=0.4, turns=0.25, direction=None)
    turned = render([replace(scene, actors=(actor,))], sprites)[0][0]
    still = render([replace(scene, actors=(replace(actor, turns=0.0),))], sprites)[0][0]
    ground = torch.tensor(scene.background.rgb[0]) if len(scene.background.rgb) == 1 else None
    assert ground is not None
    assert torch.allclose(turned[:, -1], still[:, -1].rot90(-1, (1, 2)), atol=0.02)
