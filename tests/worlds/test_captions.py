from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from worldreel.worlds.captions import STYLE_WORDS, long_caption, short_caption, terse_caption
from worldreel.worlds.scenes import Actor, Background, Canvas, Scene, random_scene
from worldreel.worlds.subjects import BY_NAME, COLOURS

VIDEO, STILL = Canvas(128, 128, 25), Canvas(128, 128, 1)


def plain_scene(canvas, **changes):
    actor = Actor(BY_NAME["dog"], 0.4, (0.7, 0.5), (0.3, 0.5), 0.0, **changes)
    return Scene(canvas, Background(("blue",), (COLOURS["blue"],)), (actor,))


def test_the_plainest_wording():
    assert short_caption(plain_scene(VIDEO, direction="left")) == "a dog walks to the left on a blue background"
    assert short_caption(plain_scene(VIDEO, position="right")) == "a dog stands on the right on a blue background"
    assert short_caption(plain_scene(STILL, position="middle")) == "a dog in the middle on a blue background"
    assert "of a dog on a blue background. The medium-sized dog" in long_caption(plain_scene(STILL, position="middle"))


@pytest.mark.parametrize("canvas", [VIDEO, STILL], ids=["video", "still"])
@pytest.mark.parametrize("caption", [short_caption, long_caption])
def test_a_caption_names_all_there_is_in_any_wording(canvas, caption):
    for seed in range(150):
        scene = random_scene((21, seed), canvas, alone=0.5)
        for rng in (None, np.random.default_rng(seed)):
            text = caption(scene, rng)
            for actor in scene.actors:
                assert actor.subject.phrase in text
                for word in (actor.direction, actor.position):
                    assert word is None or word in text
            places = [text.index(name, text.index(" on a")) for name in scene.background.names]
            assert all(before < after for before, after in pairwise(places))


def test_the_subjects_come_from_left_to_right():
    for seed in range(100):
        scene = random_scene((22, seed), VIDEO, alone=0)
        places = [short_caption(scene).index(actor.subject.phrase) for actor in scene.actors]
        assert places == sorted(places)


def test_the_same_draw_gives_the_same_words_and_draws_differ():
    scene = random_scene((23, 1), VIDEO)
    assert short_caption(scene) == short_caption(scene)
    assert long_caption(scene, np.random.default_rng(5)) == long_caption(scene, np.random.default_rng(5))
    assert len({short_caption(scene, np.random.default_rng(seed)) for seed in range(40)}) > 3


def test_a_still_does_not_move():
    for seed in range(60):
        scene = random_scene((24, seed), STILL)
        text = short_caption(scene, np.random.default_rng(seed))
        assert not any(f" {actor.subject.verb}" in text for actor in scene.actors)
        assert " moves" not in text


def test_deeds_are_said():
    grows = plain_scene(VIDEO, position="left", growth=2.0)
    assert short_caption(grows) == "a dog grows on the left on a blue background"
    leaves = replace(grows, actors=(replace(grows.actors[0], growth=1.0, direction="left", position=None, end=(-0.3, 0.5)),))
    assert short_caption(leaves) == "a dog goes out, moving to the left on a blue background"
    assert "The medium-sized dog goes out, moving" in long_caption(leaves) or "the picture" in long_caption(leaves)


@pytest.mark.parametrize("style", STYLE_WORDS)
def test_a_style_is_said_in_several_wordings_the_plainest_first(style):
    scene = replace(plain_scene(VIDEO, direction="left"), style=style)
    assert short_caption(scene) == f"a dog walks to the left on a blue background, {STYLE_WORDS[style][0]}"
    for caption in (short_caption, long_caption):
        told = [caption(scene, np.random.default_rng(seed)) for seed in range(60)]
        found = [[wording for wording in STYLE_WORDS[style] if f", {wording}" in text] for text in told]
        assert all(found) and {one[-1] for one in found} == set(STYLE_WORDS[style])


def test_wordings_of_styles_do_not_overlap():
    wordings = [wording for group in STYLE_WORDS.values() for wording in group]
    assert len(set(wordings)) == len(wordings)


def test_a_terse_caption_names_everybody_and_leaves_something_out():
    left_out = set()
    for seed in range(80):
        scene = random_scene((21, seed), Canvas(64, 64, 9))
        told = terse_caption(scene, np.random.default_rng(seed))
        assert all(actor.subject.name in told for actor in scene.actors)
        way = all(actor.direction is None or actor.direction in told for actor in scene.actors)
        place = all(actor.position is None or actor.position in told for actor in scene.actors)
        behind = all(name in told for name in scene.background.names)
        assert not (way and place and behind)
        left_out.add((way and place, behind))
    assert left_out == {(True, False), (False, True), (False, False)}
