import re

import numpy as np

from worldreel.worlds.casts import cast
from worldreel.worlds.loose import RARER_COLOURS, RARER_SUBJECTS, heard_words, loose
from worldreel.worlds.paraphrases import COLOURS, HEARD, SUBJECTS, WITHHELD, paraphrase, withheld_words
from worldreel.worlds.scenes import Canvas, random_scene

CLIP = Canvas(128, 128, 25)
FILLERS = "committee", "later", "university", "seven"


def said(seed, alone=0.5):
    scene = random_scene((32, seed), CLIP, alone=alone)
    return scene, loose(scene, np.random.default_rng(seed), FILLERS)


def names(name, paraphrased, rarer):
    return name, *paraphrased[name][1], *rarer[name]


def test_all_that_matters_is_said_once_for_each_actor():
    ends = {"left": "left", "right": "right", "up": "up|below", "down": "down|above"}
    for seed in range(300):
        scene, text = said(seed)
        for actor in scene.actors:
            assert any(name in text for name in names(actor.subject.name, SUBJECTS, RARER_SUBJECTS))
            assert actor.direction is None or re.search(ends[actor.direction], text)
        for name in scene.background.names:
            assert any(word in text for word in names(name, COLOURS, RARER_COLOURS))


def test_the_colour_above_comes_first():
    for seed in range(300):
        scene, text = said(seed, alone=1.0)
        text = re.sub("|".join(names(scene.actors[0].subject.name, SUBJECTS, RARER_SUBJECTS)), "", text)
        places = [
            min(text.find(word) for word in names(name, COLOURS, RARER_COLOURS) if word in text)
            for name in scene.background.names
        ]
        assert places == sorted(places)


def test_words_that_say_nothing_stand_between():
    texts = [said(seed)[1] for seed in range(300)]
    assert 0.5 < np.mean([any(filler in text for filler in FILLERS) for text in texts]) < 1
    assert len(set(texts)) == 300


def test_no_withheld_name_is_said():
    rarer = {word for words in (*RARER_SUBJECTS.values(), *RARER_COLOURS.values()) for word in words}
    for words in (SUBJECTS, COLOURS):
        for withheld, heard in words.values():
            assert not {word for word in rarer if withheld in word}
            assert not rarer & set(heard)
    texts = " ".join(said(seed)[1] for seed in range(300))
    for wording in (*WITHHELD.verbs, *WITHHELD.stays, "surface", "coloured", "hand", "towards", "top", "bottom"):
        assert not re.search(rf"\b{wording}\b", texts)


def test_no_rarer_word_is_somebody_else():
    assert not {word for words in RARER_SUBJECTS.values() for word in words} & set(cast("all").names)
    assert RARER_SUBJECTS.keys() == SUBJECTS.keys()
    assert RARER_COLOURS.keys() == COLOURS.keys()


def test_withheld_words_are_those_of_all_withheld_wordings():
    words = withheld_words()
    assert {"hound", "scarlet", "jet", "black", "heads", "way", "put", "hand", "surface", "coloured", "straight"} <= words
    assert not words & {"gallops", *HEARD.verbs, "crimson"}


def test_all_that_is_said_is_heard_and_no_other_name():
    heard = heard_words()
    for seed in range(300):
        scene, text = said(seed)
        rng = np.random.default_rng(seed)
        for each in (text, paraphrase(scene, rng)):
            assert set(re.findall("[a-z]+", each)) <= heard | set(FILLERS)
    withheld = {word for words in (SUBJECTS, COLOURS) for word, _ in words.values() if " " not in word and "-" not in word}
    assert not withheld & heard and {"dog", "puppy", "beetle", "crimson", "snowy"} <= heard
