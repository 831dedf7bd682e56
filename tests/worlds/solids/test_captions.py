import numpy as np
import pytest

from worldreel.worlds.scenes import Canvas
from worldreel.worlds.solids.camera import Camera
from worldreel.worlds.solids.captions import CAMERA, WAYS, long_caption, short_caption
from worldreel.worlds.solids.drawing import Mix, random_scene
from worldreel.worlds.solids.kinds import COLOURS, DIRECTIONS, SHAPES
from worldreel.worlds.solids.scenes import Floor, Scene, Solid, Sun

VIDEO, STILL = Canvas(128, 128, 25), Canvas(128, 128, 1)


def solid(shape, colour, direction=None, path=None):
    x, z = DIRECTIONS[direction] if direction else (0, 0)
    path = path or ((0.0, 0.0, 0.0), (1.0, 2.0 * x, 2.0 * z))
    return Solid(SHAPES[shape], colour, COLOURS[colour], "small", 0.45, 0.0, path, direction)


def scene(*solids, event="move", camera="still", canvas=VIDEO):
    return Scene(
        canvas, event, solids, Floor("gray", (140, 140, 140), (0, 0), 0), "blue", Sun(0.5, 0.8), Camera(camera, 0.25, 0.4)
    )


def test_the_plainest_wording():
    rolling, cube, cone = solid("sphere", "red", "left"), solid("cube", "blue"), solid("cone", "orange")
    assert short_caption(scene(rolling, camera="orbit right")) == (
        "a red ball rolls to the left on a gray floor, the camera orbits to the right"
    )
    assert short_caption(scene(solid("cube", "teal", "towards"))) == "a teal cube slides towards the camera on a gray floor"
    assert short_caption(scene(cube, cone, event="rest")) == "a blue cube and an orange cone on a gray floor"
    assert short_caption(scene(rolling, cube)) == "a red ball rolls to the left next to a blue cube on a gray floor"
    assert short_caption(scene(rolling, cube, event="pass")) == "a red ball rolls to the left behind a blue cube on a gray floor"


def test_what_comes_of_a_collision():
    way = ((0.0, -1.0, 0.0), (0.5, 0.0, 0.0))
    on, back = ((*way, (1.0, end, 0.0)) for end in (0.2, -0.2))
    struck, cone = solid("sphere", "blue", "right"), solid("cone", "green")
    said = short_caption(scene(solid("sphere", "red", "right", on), struck, event="collide"))
    assert said == "a red ball rolls to the right into a blue ball, which rolls away on a gray floor"
    said = short_caption(scene(solid("sphere", "red", "right", back), struck, cone, event="collide"))
    assert (
        said == "a red ball rolls to the right into a blue ball and bounces back, with a green cone beside them, on a gray floor"
    )


@pytest.mark.parametrize("canvas", [VIDEO, STILL], ids=["video", "still"])
@pytest.mark.parametrize("caption", [short_caption, long_caption])
def test_a_caption_names_all_there_is_in_any_wording(canvas, caption):
    for seed in range(30):
        drawn = random_scene((21, seed), canvas, mix=Mix(alone=0.4))
        for rng in (None, np.random.default_rng(seed)):
            text = caption(drawn, rng).lower()
            assert drawn.floor.name in text
            for one in drawn.solids:
                assert any(f"{one.colour} {word}" in text for word in one.shape.words)
            first = drawn.solids[0].direction
            assert first is None or any(way in text for way in WAYS[first])
            move = drawn.camera.move
            assert move == "still" or any(words in text for words in CAMERA[move])
            assert "  " not in text and " ." not in text and ",," not in text


def test_a_long_caption_says_sizes_sky_and_camera():
    for seed in range(25):
        drawn = random_scene((22, seed), VIDEO)
        text = long_caption(drawn, np.random.default_rng(seed))
        for one in drawn.solids:
            sizes = ("small", "little") if one.size_name == "small" else ("large", "big")
            assert any(f"{size} {one.colour}" in text for size in sizes)
        assert "sky" in text
        assert "camera" in text
        assert all(sentence[0].isupper() for sentence in text.rstrip(".").split(". "))


def test_the_same_draw_gives_the_same_words_and_draws_differ():
    drawn = random_scene((23, 1), VIDEO)
    assert short_caption(drawn) == short_caption(drawn)
    assert long_caption(drawn, np.random.default_rng(5)) == long_caption(drawn, np.random.default_rng(5))
    assert len({short_caption(drawn, np.random.default_rng(seed)) for seed in range(25)}) > 5


def test_a_still_does_not_move():
    for seed in range(25):
        drawn = random_scene((24, seed), STILL)
        for text in (short_caption(drawn, np.random.default_rng(seed)), long_caption(drawn, np.random.default_rng(seed))):
            assert not any(word in text for word in (" rolls", " slides", " moves", " camera"))
