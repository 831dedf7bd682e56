"""Pictures made of a background and bodies, taken apart and put together again."""

import pytest
import torch

from worldreel.generation.bodies import Scene

HEIGHT, WIDTH = 60, 80


def fading(top, bottom):
    """[3, HEIGHT, WIDTH]."""
    down = torch.linspace(0, 1, HEIGHT)[None, :, None]
    first, last = (torch.tensor(colour, dtype=torch.float32)[:, None, None] for colour in (top, bottom))
    return ((1 - down) * first + down * last).expand(-1, -1, WIDTH)


def disc(row, column, radius=9.0):
    """How much of each pixel is within, with an edge of two pixels [HEIGHT, WIDTH]."""
    down, right = torch.meshgrid(torch.arange(HEIGHT) - float(row), torch.arange(WIDTH) - float(column), indexing="ij")
    return (radius - torch.hypot(down, right)).div(2).add(0.5).clamp(0, 1)


def before(ground, *shapes, colour=(250.0, 40.0, 90.0)):
    for shape in shapes:
        ground = ground * (1 - shape) + torch.tensor(colour)[:, None, None] * shape
    return ground


@pytest.mark.parametrize("colours", [((90, 90, 90), (90, 90, 90)), ((0, 0, 0), (255, 255, 255)), ((200, 30, 0), (0, 80, 220))])
def test_a_background_is_found_behind_bodies(colours):
    ground = fading(*colours)
    scene = Scene.of(before(ground, disc(20, 20), disc(40, 60)))
    assert (scene.ground - ground).abs().max() < 1
    assert [body.place[1] < 40 for body in scene.bodies()] == [True, False]


def test_a_body_goes_without_its_background():
    ground = fading((0, 0, 0), (255, 255, 255))
    scene = Scene.of(before(ground, disc(20, 20)))
    (body,) = scene.bodies()
    down, right = body.place[0] + 21, body.place[1] + 32
    wanted = before(ground, disc(41, 52))
    out = ground.clone()
    body.put(out, Scene.of(wanted), (down, right), 1.0)
    assert (out - wanted).square().mean().sqrt() < 3  # at its edge
    assert (out - wanted).abs()[:, disc(41, 52, 12) == 0].max() < 0.5


def test_it_explains_itself_and_nothing_else():
    scene = Scene.of(before(fading((90, 90, 90), (90, 90, 90)), disc(20, 20)))
    (body,) = scene.bodies()
    other = Scene.of(before(fading((90, 90, 90), (90, 90, 90)), disc(20, 20), colour=(20.0, 120.0, 250.0)))
    empty = Scene.of(fading((90, 90, 90), (90, 90, 90)))
    assert body.explains(scene, body.place) > 0.99
    assert body.explains(other, body.place) == body.explains(empty, body.place) == 0
    assert body.explains(scene, (-HEIGHT, 0)) == 0  # out of view
    faint = Scene(empty.frame + 0.4 * (scene.frame - empty.frame), empty.ground)
    assert body.explains(faint, body.place) == 0 and body.explains(faint, body.place, faintest=0.25) > 0.99
    assert body.explains(empty, body.place, faintest=0.25) == 0


def test_clearing_leaves_the_background_and_others():
    ground = fading((10, 60, 200), (90, 0, 30))
    scene = Scene.of(before(ground, disc(20, 20), disc(40, 60)))
    first, second = scene.bodies()
    out = scene.frame.clone()
    first.clear(out, scene, first.place, 1.0)
    assert (out - before(ground, disc(40, 60))).abs().max() < 2
    second.clear(out, scene, (HEIGHT + 5, 0), 1.0)  # out of view
    second.clear(out, scene, second.place, 0.5)
    half = (out - ground).norm(dim=0) / (scene.frame - ground).norm(dim=0).clamp(min=1)
    assert half[disc(40, 60) == 1].sub(0.5).abs().max() < 0.1


def test_what_encloses_is_a_body_and_a_picture_has_none():
    ring = disc(30, 40, 12) - disc(30, 40, 3)
    (body,) = Scene.of(before(fading((90, 90, 90), (90, 90, 90)), ring)).bodies()
    assert body.hidden.max() == 1
    generator = torch.Generator().manual_seed(0)
    assert not list(Scene.of(torch.randint(0, 256, (3, HEIGHT, WIDTH), generator=generator).float()).bodies())


def test_what_is_near_a_body_is_no_part_of_it():
    ground = fading((90, 90, 90), (90, 90, 90))
    scene = Scene.of(before(before(ground, disc(30, 25)), disc(30, 50), colour=(20.0, 120.0, 250.0)))
    first, second = scene.bodies()
    out = ground.clone()
    second.put(out, scene, second.place, 1.0)
    assert (out - before(ground, disc(30, 50), colour=(20.0, 120.0, 250.0))).abs().max() < 10
    assert (out - ground)[:, :, :38].abs().max() < 1
    assert first.contrast == pytest.approx(float((before(ground, disc(30, 25)) - ground).square().sum()), rel=0.05)


def test_specks_are_no_bodies():
    ground = fading((90, 90, 90), (90, 90, 90))
    scene = Scene.of(before(ground, disc(20, 20), disc(40, 60, 1.5)))
    assert len(list(scene.bodies())) == 1
