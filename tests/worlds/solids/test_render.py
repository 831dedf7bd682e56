from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from worldreel.worlds.scenes import Canvas
from worldreel.worlds.solids.bodies import BODIES
from worldreel.worlds.solids.camera import TAN_HALF_VIEW, Camera
from worldreel.worlds.solids.drawing import Mix, random_scene
from worldreel.worlds.solids.kinds import COLOURS, DIRECTIONS, SHAPES
from worldreel.worlds.solids.render import AMBIENT, GLOSS, HAZE, OVERHEAD, SHARPNESS, STRIPE_TONE, TILE_TONE, render
from worldreel.worlds.solids.scenes import Floor, Scene, Solid, Sun

SMALL, STILL = Canvas(48, 48, 3), Canvas(64, 48, 1)
SUN = Sun(0.7, 0.8)


def solid(shape="sphere", colour="red", place=(0.0, 0.0), size=0.6, turn=0.4, **changes):
    path = ((0.0, *place), (1.0, *place))
    return Solid(SHAPES[shape], colour, COLOURS[colour], "large", size, turn, path, **changes)


def scene(*solids, canvas=STILL, camera=Camera("still", 0.25)):  # noqa: B008 (a frozen value)
    return Scene(canvas, "rest", solids, Floor("gray", (140, 140, 140), (0.1, 0.2), 0.3), "blue", SUN, camera)


def rays(one):
    """The eye [3] and the unit rays [H, W, 3] of the middles of the pixels of a scene's first frame."""
    canvas, poses = one.canvas, one.poses
    shorter = min(canvas.width, canvas.height)
    x = (2 * np.arange(canvas.width) + 1 - canvas.width) / shorter * TAN_HALF_VIEW
    y = (canvas.height - 1 - 2 * np.arange(canvas.height)) / shorter * TAN_HALF_VIEW
    right, up, look = poses.axes[0]
    ray = x[None, :, None] * right + y[:, None, None] * up + look
    return poses.eyes[0], ray / np.linalg.norm(ray, axis=2, keepdims=True)


def picture(one, count=1):
    """Colours [H, W, 3] in [0, 1] and cover [H, W] of a scene's first frame."""
    video, cover = render([one], rays=count)
    return (video[0, :, 0].permute(1, 2, 0).numpy() + 1) / 2, cover[0, 0, 0].numpy()


def test_a_sphere_is_seen_where_the_angle_to_its_centre_is_small_enough():
    one = scene(solid())
    eye, ray = rays(one)
    to_centre = np.array([0, 0.6, 0]) - eye
    distance = np.linalg.norm(to_centre)
    expected = ray @ to_centre / distance > np.cos(np.arcsin(0.6 / distance))
    assert expected.sum() > 100
    assert (picture(one)[1] == expected).all()


def test_a_sphere_is_shaded_as_lambert_and_blinn_say():
    one = scene(solid())
    eye, ray = rays(one)
    centre, sun = np.array([0, 0.6, 0]), np.array(SUN.direction)
    colours, cover = picture(one)
    checked = 0
    for row, column in np.argwhere(cover > 0)[::7]:
        along = ray[row, column]
        b = along @ (eye - centre)
        depth = -b - np.sqrt(b * b - (eye - centre) @ (eye - centre) + 0.36)
        normal = (eye + depth * along - centre) / 0.6
        if abs(normal @ sun) < 0.02:
            continue  # on the edge of its own shadow
        half = (sun - along) / np.linalg.norm(sun - along)
        lit = normal @ sun > 0
        light = AMBIENT + OVERHEAD * normal[1] + (1 - AMBIENT - OVERHEAD) * max(normal @ sun, 0)
        gloss = GLOSS * max(normal @ half, 0) ** SHARPNESS * lit
        tones = [np.array(COLOURS["red"]) / 255 * tone * light + gloss for tone in (1, STRIPE_TONE)]
        assert min(np.abs(colours[row, column] - tone).max() for tone in tones) < 2e-3
        checked += 1
    assert checked > 10


@pytest.mark.parametrize("shape", SHAPES)
def test_a_body_is_seen_where_a_ray_passes_through_it(shape):
    """Against points along each ray, tried one by one."""
    one = scene(solid(shape))
    eye, ray = rays(one)
    depths = np.linspace(3, 7, 500)
    points = (eye + depths[:, None, None, None] * ray - [0, one.solids[0].rest, 0]) / 0.6
    x, y, z = np.moveaxis(points @ one.solids[0].turns(np.zeros(1))[0], 3, 0)
    a, b, c, d, e = BODIES[shape].quadric or (0, 0, 0, 0, -1)
    inside = a * x * x + b * y * y + c * z * z + d * y + e <= 0
    for n_x, n_y, n_z, h in BODIES[shape].planes:
        inside &= n_x * x + n_y * y + n_z * z <= h
    expected = inside.any(0)
    # A ray that grazes an edge is inside for less than a step.
    assert (picture(one)[1] != expected).sum() <= 0.02 * expected.sum()
    assert np.abs(points[:, expected][inside[:, expected]]).max() < 1.3


def test_a_shadow_is_where_the_line_to_the_sun_passes_through_the_sphere_and_nowhere_else():
    one = scene(solid())
    eye, ray = rays(one)
    bare, shaded, cover = picture(scene())[0], *picture(one)
    floor = (ray[..., 1] < -0.05) & (cover == 0)
    points = eye - ray * (eye[1] / ray[..., 1:2])
    to_centre, sun = np.array([0, 0.6, 0]) - points, np.array(SUN.direction)
    along = to_centre @ sun
    away = np.sqrt(np.maximum((to_centre**2).sum(2) - along**2, 0))
    darker = (bare - shaded).max(2) > 0.02
    blocked, clear = floor & (away < 0.6 - 0.01) & (along > 0), floor & (away > 0.6 + 0.01)
    assert blocked.sum() > 20
    assert darker[blocked].all()
    assert np.abs(bare - shaded)[clear].max() < 1e-6


def test_one_solid_shades_another():
    """A large ball between the sun and a small one."""
    sun, there = np.array(SUN.direction), np.array([0.0, 0.4, 0.0])
    nearer = there + 1.2 * sun
    ball = solid("sphere", "blue", (nearer[0], nearer[2]), 0.6)
    lifted = replace(ball, shape=ball.shape._replace(rest=nearer[1] / 0.6))
    small = solid("sphere", "red", size=0.4)
    alone, both = picture(scene(small))[0], picture(scene(small, lifted))[0]
    red = (alone[..., 0] > 2 * alone[..., 2]) & (both[..., 0] > 2 * both[..., 2])
    assert red.sum() > 10
    assert both[red].max() < 0.75 * alone[red].max()


def test_what_is_nearer_hides_what_is_farther_in_any_order():
    front, behind = solid("cube", "red", (0, -0.5)), solid("cube", "blue", (0, 1.4), size=0.5)
    one, other = picture(scene(front, behind))[0], picture(scene(behind, front))[0]
    assert np.array_equal(one, other)
    assert (one[..., 2] > 1.5 * one[..., 0]).sum() < 0.3 * (one[..., 0] > 1.5 * one[..., 2]).sum()


def test_the_floor_in_the_sun_has_the_colour_that_the_scene_says():
    one = scene()
    eye, ray = rays(one)
    near = ray[..., 1] < -0.3
    distance = np.linalg.norm((eye - ray * (eye[1] / ray[..., 1:2]))[..., [0, 2]] - eye[[0, 2]], axis=2)[near]
    seen, haze = picture(one)[0][near][:, 0], 1 - np.exp(-((distance / HAZE) ** 2))
    tiles = (seen - haze * 206 / 255) / (1 - haze) / (140 / 255) - 1
    assert np.abs(tiles).max() <= TILE_TONE
    assert (np.abs(tiles) > 0.5 * TILE_TONE).all()
    assert len(np.unique(np.sign(tiles))) == 2


@pytest.mark.parametrize(("shape", "radius", "period"), [("sphere", 0.6, 2 * np.pi), ("cylinder", 0.45, 2 * np.pi / 3)])
@pytest.mark.parametrize("way", ["left", "towards"])
def test_rolling_brings_the_pattern_back_after_a_whole_turn(shape, radius, period, way):
    """A cylinder has three dark sixths, so that a third of a turn is enough."""
    x, z = DIRECTIONS[way]

    def arrived(distance):
        path = ((0.0, -x * distance, -z * distance), (0.5, 0.0, 0.0))
        rolling = replace(solid(shape), path=path, direction=way, lying=shape == "cylinder")
        return picture(scene(rolling))[0]

    assert np.abs(arrived(period * radius) - arrived(0)).mean() < 1e-4
    assert np.abs(arrived(period * radius / 2) - arrived(0)).mean() > 5e-4


def test_two_sizes_of_one_scene_agree():
    for seed in range(3):
        small = random_scene((41, seed), SMALL)
        large = replace(small, canvas=Canvas(144, 144, 3))
        shrunk = F.avg_pool2d(render([large])[0][0], 3)
        assert float((shrunk - render([small])[0][0]).abs().mean()) < 0.02


def test_a_batch_equals_one_by_one_and_again():
    scenes = [random_scene((42, seed), SMALL, mix=Mix(alone=0.3)) for seed in range(6)]
    video, cover = render(scenes)
    assert video.shape == (6, 3, 3, 48, 48)
    assert cover.shape == (6, 1, 3, 48, 48)
    assert float(video.abs().max()) <= 1
    assert 0 < float(cover.mean()) < 0.5
    assert float(cover.max()) == 1
    assert torch.equal(render(scenes)[0], video)
    for number, one in enumerate(scenes):
        alone, alone_cover = render([one])
        assert torch.allclose(alone[0], video[number], atol=1e-4)
        assert float((alone_cover[0] - cover[number]).abs().mean()) < 1e-3


@pytest.mark.parametrize("canvas", [Canvas(48, 48, 3), Canvas(80, 40, 3), Canvas(40, 72, 3)], ids=str)
def test_nothing_is_cut_off_at_the_border(canvas):
    _, cover = render([random_scene((43, seed), canvas) for seed in range(12)], rays=1)
    for edge in (cover[..., 0], cover[..., -1], cover[..., 0, :], cover[..., -1, :]):
        assert float(edge.max()) == 0
    # Each solid is there at first and at last.
    assert (cover[:, 0, [0, -1]].sum((2, 3)) > 0).all()
