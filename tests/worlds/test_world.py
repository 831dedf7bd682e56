from dataclasses import replace

import numpy as np
import pytest
import torch

from worldreel.worlds.captions import CLOSE_WORDS, STYLE_WORDS
from worldreel.worlds.render import render
from worldreel.worlds.scenes import Canvas, Change, Scene
from worldreel.worlds.sprites import load_sprites
from worldreel.worlds.world import Solids, SolidsMix, Sprites, SpritesMix

CPU = torch.device("cpu")
CANVAS = Canvas(48, 32, 5)


@pytest.fixture(scope="module", params=["sprites", "solids"])
def world(request):
    return Sprites(SpritesMix(), CPU) if request.param == "sprites" else Solids(SolidsMix(), CPU)


def test_a_world_draws_by_seed_and_never_a_withheld_pair(world):
    scenes = [world.draw((3, seed), CANVAS) for seed in range(40)]
    assert world.draw((3, 0), CANVAS) == scenes[0] != scenes[1]
    assert all(scene.canvas == CANVAS and not scene.is_withheld for scene in scenes)


def test_a_world_shows_and_tells(world):
    scenes = [world.draw((3, seed), CANVAS) for seed in range(3)]
    video = world.render(scenes)
    assert video.shape == (3, 3, 5, 32, 48)
    assert -1 <= float(video.min()) < float(video.max()) <= 1
    told = {world.caption(scenes[0], np.random.default_rng(seed)) for seed in range(30)}
    assert len(told) > 3


def test_what_is_not_mixed_in_is_not_drawn():
    plain = Sprites(SpritesMix(plain=1.0, alone=1.0, short=1.0), CPU)
    scenes = [plain.draw((4, seed), CANVAS) for seed in range(60)]
    assert all(len(scene.actors) == len(scene.background.names) == 1 for scene in scenes)
    lively = Sprites(SpritesMix(alone=1.0, lively=1.0, pictured=1.0), CPU)
    scenes = [lively.draw((4, seed), CANVAS) for seed in range(20)]
    assert all(scene.actors[0].deed and scene.background.picture is not None for scene in scenes)


def test_across_a_gap_another_scene_follows_or_the_beginning_of_the_same():
    world, canvas, gap = Sprites(SpritesMix(), CPU), Canvas(32, 32, 30), (9, 21)
    drawn = [world.draw((5, seed), canvas, gap=gap) for seed in range(40)]
    assert world.draw((5, 0), canvas, gap=gap) == drawn[0]
    looped = [scene for scene in drawn if isinstance(scene, Scene)]
    changes = [scene for scene in drawn if isinstance(scene, Change)]
    assert len(looped) + len(changes) == 40 and min(len(looped), len(changes)) > 10
    assert {scene.back for scene in looped} == {(8, 21)}
    for change in changes:
        assert 9 < change.start < change.stop < 21
        assert 4 <= change.stop - change.start <= 8
    # The first scene is the one that is drawn without a gap.
    assert replace(looped[0], back=None) in [world.draw((5, seed), canvas) for seed in range(40)]


def test_a_scene_turns_into_another():
    """Before the change the first alone is seen, after it the second; between them ever more of the second."""
    world, canvas = Sprites(SpritesMix(changing=1.0), CPU), Canvas(32, 32, 25)
    changes = [world.draw((5, seed), canvas) for seed in range(12)]
    assert world.draw((5, 0), canvas) == changes[0]
    assert all(isinstance(change, Change) for change in changes)
    assert not any(change.first.is_withheld or change.second.is_withheld for change in changes)
    videos = world.render(changes)
    for change, video in zip(changes, videos, strict=True):
        assert 0 < change.start < change.stop < 25
        first, second = world.render([change.first, change.second])
        assert torch.equal(video[:, : change.start], first[:, : change.start])
        assert torch.equal(video[:, change.stop :], second[:, change.stop :])
        steps = np.diff(change.shares)
        assert (steps >= 0).all() and steps.max() < 0.5
    told = world.caption(changes[0], np.random.default_rng(1))
    for scene in (changes[0].first, changes[0].second):
        assert all(actor.subject.name in told for actor in scene.actors)
        assert all(name in told for name in scene.background.names)


def test_stills_do_not_change_and_some_clips_do():
    world = Sprites(SpritesMix(changing=0.5), CPU)
    assert not any(isinstance(world.draw((6, seed), Canvas(32, 32, 1)), Change) for seed in range(20))
    drawn = [world.draw((6, seed), CANVAS) for seed in range(200)]
    assert 0.35 < np.mean([isinstance(one, Change) for one in drawn]) < 0.65
    unchanged = Sprites(SpritesMix(), CPU)
    assert all(
        one.first == other if isinstance(one, Change) else one == other
        for one, other in ((one, unchanged.draw((6, seed), CANVAS)) for seed, one in enumerate(drawn))
    )


def test_who_stands_alone_may_do_so_anywhere_in_view():
    world, plain = Sprites(SpritesMix(anywhere=1.0), CPU), Sprites(SpritesMix(), CPU)
    for canvas in (Canvas(96, 64, 1), Canvas(64, 96, 5)):
        places = []
        for seed in range(120):
            scene, named = world.draw((12, seed), canvas), plain.draw((12, seed), canvas)
            (actor, *others) = scene.actors
            if others or actor.direction:
                assert scene == named
                continue
            assert (actor.position, actor.start) == (None, actor.end) and actor.subject == named.actors[0].subject
            told = world.caption(scene, np.random.default_rng(seed))
            assert actor.subject.name in told and "left" not in told and "right" not in told and "middle" not in told
            places.append(actor.start)
            _, cover = render([scene], load_sprites())
            rim = cover[0, 0].clone()
            rim[:, 1:-1, 1:-1] = 0
            assert float(rim.max()) == 0
        assert np.ptp(np.array(places), axis=0).min() > 0.25 and len(places) > 30


@pytest.mark.parametrize("canvas", [Canvas(80, 80, 13), Canvas(96, 64, 5), Canvas(80, 80, 1)], ids=str)
def test_who_is_alone_may_be_seen_from_near(canvas):
    """Alone, wholly in view, on the same way as from afar, and said so; who stands has no named place there."""
    near, far = Sprites(SpritesMix(), CPU), Sprites(SpritesMix(alone=1.0), CPU)
    moving = 0
    for number in range(60):
        scene, before = near.draw((4, number), canvas, close=True), far.draw((4, number), canvas)
        (actor,), (first,) = scene.actors, before.actors
        assert scene.close and not before.close
        assert actor.subject == first.subject and actor.direction == first.direction and actor.position is None
        half = scene.side(actor) / 2
        centres = scene.centres(actor)
        assert (centres >= half - 1e-6).all() and (centres <= np.array([canvas.width, canvas.height]) - half + 1e-6).all()
        way, asked = np.subtract(actor.end, actor.start), np.subtract(first.end, first.start)
        assert float(way @ asked) > 0 if actor.direction else not way.any()
        moving += actor.direction is not None
        assert any(words in near.caption(scene, np.random.default_rng(number)) for words in CLOSE_WORDS)
    assert (moving > 10) == (canvas.frames > 1)


def test_some_scenes_are_kept_for_the_favoured():
    few = ("dog", "cat", "cow")
    shares = []
    for favour in (0.0, 0.5, 1.0):
        world = Sprites(SpritesMix(favoured=few, favour=favour), CPU)
        drawn = [world.draw((11, seed), CANVAS) for seed in range(200)]
        shares.append(np.mean([{actor.subject.name for actor in scene.actors} <= set(few) for scene in drawn]))
    assert shares[0] < 0.25 and 0.4 < shares[1] < 0.75 and shares[2] == 1
    plain = Sprites(SpritesMix(), CPU)
    assert all(
        Sprites(SpritesMix(favoured=few), CPU).draw((11, seed), CANVAS) == plain.draw((11, seed), CANVAS) for seed in range(3)
    )


def test_some_scenes_are_in_a_style():
    world = Sprites(SpritesMix(styled=0.5), CPU)
    drawn = [world.draw((7, seed), CANVAS) for seed in range(200)]
    assert world.draw((7, 0), CANVAS) == drawn[0]
    assert 0.4 < np.mean([scene.style is not None for scene in drawn]) < 0.6
    assert {scene.style for scene in drawn} == {None, *STYLE_WORDS}
    grey = next(scene for scene in drawn if scene.style == "grey")
    video = world.render([grey, replace(grey, style=None)])
    assert torch.equal(video[0, 0], video[0, 1]) and not torch.allclose(video[1, 0], video[1, 1], atol=0.05)


def test_without_styles_scenes_and_captions_are_as_they_were():
    """These were said before there were styles; and a style changes nothing else in a scene."""
    plain, styled = Sprites(SpritesMix(), CPU), Sprites(SpritesMix(styled=1.0), CPU)
    told = [plain.caption(plain.draw((8, seed), CANVAS), np.random.default_rng(seed)) for seed in range(3)]
    assert told == [
        "A video of a unicorn on a red background. The large unicorn stands still in the middle.",
        "a robot stands on the right on a black background",
        "an elephant stands in the middle on a plain white background",
    ]
    for seed in range(60):
        scene, other = plain.draw((8, seed), CANVAS), styled.draw((8, seed), CANVAS)
        assert scene.style is None and other.style is not None
        assert replace(other, style=None) == scene


def test_a_scene_may_turn_into_one_of_another_style():
    world, canvas = Sprites(SpritesMix(changing=1.0, styled=0.7), CPU), Canvas(32, 32, 9)
    changes = [world.draw((9, seed), canvas) for seed in range(40)]
    assert len({(change.first.style, change.second.style) for change in changes}) > 8
    change = next(change for change in changes if change.first.style and change.second.style not in (None, change.first.style))
    video, (first, second) = world.render([change])[0], world.render([change.first, change.second])
    assert torch.equal(video[:, 0], first[:, 0]) and torch.equal(video[:, -1], second[:, -1])
    told = world.caption(change, np.random.default_rng(2))
    assert all(any(wording in told for wording in STYLE_WORDS[scene.style]) for scene in (change.first, change.second))


def test_a_style_is_said_where_others_are_paraphrased():
    world = Sprites(SpritesMix(styled=1.0, paraphrased=1.0, short=1.0), CPU)
    for seed in range(40):
        scene = world.draw((10, seed), CANVAS)
        assert any(wording in world.caption(scene, np.random.default_rng(seed)) for wording in STYLE_WORDS[scene.style])


def test_before_an_edit_one_thing_was_other():
    world = Sprites(SpritesMix(styled=0.3, alone=0.5), CPU)
    changed = {"style": 0, "background": 0, "actors": 0}
    for seed in range(120):
        scene = world.draw((13, seed), CANVAS)
        before = world.before(scene, np.random.default_rng(seed))
        if before is None:  # it would have shown a withheld pair, or the same
            continue
        other = [name for name in changed if getattr(scene, name) != getattr(before, name)]
        assert not before.is_withheld and before.style is None and len(other) == 1
        assert (other == ["style"]) == (scene.style is not None)
        assert [(one.start, one.end, one.size) for one in before.actors] == [
            (one.start, one.end, one.size) for one in scene.actors
        ]
        changed[other[0]] += 1
    assert min(changed.values()) > 20


def test_what_changes_by_itself_and_solids_were_nothing_else():
    world, solids = Sprites(SpritesMix(changing=1.0), CPU), Solids(SolidsMix(), CPU)
    rng = np.random.default_rng(0)
    assert world.before(world.draw((14, 0), CANVAS), rng) is None
    assert solids.before(solids.draw((14, 0), CANVAS), rng) is None


def test_a_whole_caption_leaves_nothing_out():
    world = Sprites(SpritesMix(terse=1.0, alone=1.0, plain=1.0), CPU)
    for seed in range(30):
        scene, rng = world.draw((15, seed), CANVAS), np.random.default_rng(seed)
        told = world.caption(scene, rng, whole=True)
        assert scene.actors[0].subject.name in told and scene.background.names[0] in told
    assert any("background" not in world.caption(scene, np.random.default_rng(seed)) for seed in range(30))


def test_paraphrases_may_be_loose():
    plain, loose = (Sprites(SpritesMix(alone=1.0, short=1.0, paraphrased=1.0, loose=share), CPU) for share in (0.0, 1.0))
    scene = plain.draw((16, 0), CANVAS)
    told = [{world.caption(scene, np.random.default_rng(seed)) for seed in range(40)} for world in (plain, loose)]
    assert not told[0] & told[1] and min(len(one) for one in told) > 20
