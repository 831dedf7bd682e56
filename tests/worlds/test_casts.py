import json
import zipfile

import numpy as np
import pytest

from worldreel.errors import UserError
from worldreel.worlds.casts import TAUGHT, Cast, cast
from worldreel.worlds.scenes import Canvas, random_scene
from worldreel.worlds.sprites import load_sprites, pack_path
from worldreel.worlds.subjects import SUBJECTS, Subject, article

CLIP = Canvas(64, 64, 9)


def packed():
    """The subjects of the whole cast that the pack in the repository holds."""
    with zipfile.ZipFile(pack_path()) as archive:
        held = {entry["codepoint"] for entry in json.loads(archive.read("index.json"))}
    return Cast(tuple(subject for subject in cast("all").subjects if subject.codepoint in held))


def test_the_whole_cast_has_hundreds_of_families_and_the_two_dozen_are_in_it():
    whole = cast("all")
    assert whole.subjects[:24] == SUBJECTS == cast("two dozen").subjects
    assert len(whole.names) == len(set(whole.names)) > 400
    assert len({subject.codepoint for subject in whole.subjects}) == len(whole.subjects)
    assert all(len(chr(int(subject.codepoint, 16))) == 1 and subject.verb.endswith("s") for subject in whole.subjects)


def test_what_looks_alike_bears_one_name():
    families = dict(zip(cast("all").names, cast("all").families, strict=True))
    assert len(families["clock"]) == 24
    assert len(families["pointing hand"]) == 2
    assert sum(map(len, families.values())) == len(cast("all").subjects)


def test_the_taught_cast_draws_the_scenes_it_always_drew():
    for seed in range(50):
        assert random_scene((2, seed), CLIP, alone=0.5) == random_scene((2, seed), CLIP, alone=0.5, cast=Cast(SUBJECTS))


def test_a_family_is_drawn_as_often_as_a_subject_that_stands_alone():
    clocks = tuple(Subject("clock", f"1f55{number:x}", "rolls") for number in range(9))
    scenes = [random_scene((4, seed), CLIP, alone=1, cast=Cast((*clocks, SUBJECTS[0]))) for seed in range(400)]
    share = np.mean([scene.actors[0].subject.name == "clock" for scene in scenes])
    assert 0.35 < share < 0.65  # nine of ten subjects are clocks; withheld pairs shift the half a little
    assert {scene.actors[0].subject for scene in scenes} == {*clocks, SUBJECTS[0]}


def test_some_of_a_cast_may_play_alone():
    few = TAUGHT.only(("cat", "dog", "cow"))
    assert few.names == ("dog", "cat", "cow")
    with pytest.raises(UserError, match="nobody is called 'dgo'"):
        TAUGHT.only(("cat", "dgo", "cow"))
    with pytest.raises(UserError, match="three names or more"):
        TAUGHT.only(("cat", "dog", "dog"))


def test_several_actors_are_of_different_families():
    for seed in range(100):
        names = [actor.subject.name for actor in random_scene((5, seed), CLIP, alone=0, cast=cast("all")).actors]
        assert len(set(names)) == len(names)


def test_sprites_of_a_cast_are_read_and_missing_ones_are_named():
    assert load_sprites(packed()).keys() > load_sprites(TAUGHT).keys()
    with pytest.raises(UserError, match="1f44b"):
        load_sprites(Cast((*SUBJECTS, Subject("unheard of", "1f44b-1f3fb", "waves"))))


def test_articles_follow_the_sound():
    phrases = [
        f"{article(name)} {name}" for name in ("owl", "unicorn", "hourglass", "upturned hand", "unhappy face", "ufo", "house")
    ]
    assert phrases == ["an owl", "a unicorn", "an hourglass", "an upturned hand", "an unhappy face", "a ufo", "a house"]
