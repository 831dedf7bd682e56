import numpy as np

from worldreel.worlds.captions import short_caption
from worldreel.worlds.casts import cast
from worldreel.worlds.paraphrases import COLOURS, HEARD, SUBJECTS, WITHHELD, paraphrase
from worldreel.worlds.scenes import Canvas, random_scene
from worldreel.worlds.subjects import BY_NAME
from worldreel.worlds.subjects import COLOURS as NAMED

CLIP = Canvas(128, 128, 25)


def both(seed, alone=0.5):
    scene = random_scene((31, seed), CLIP, alone=alone)
    return scene, *(paraphrase(scene, np.random.default_rng(seed), withheld=withheld) for withheld in (False, True))


def test_only_known_words_have_synonyms():
    assert SUBJECTS.keys() <= BY_NAME.keys()
    assert COLOURS.keys() <= NAMED.keys()


def test_no_synonym_is_somebody_else():
    assert not {word for other, heard in SUBJECTS.values() for word in (other, *heard)} & set(cast("all").names)


def said(name, words, withheld):
    other, heard = words.get(name, (name, ()))
    return (other,) if withheld else (name, *heard)


def test_a_paraphrase_names_all_there_is_and_repeats_no_caption():
    for seed in range(300):
        scene, *texts = both(seed)
        for withheld, text in enumerate(texts):
            assert text != short_caption(scene)
            for actor in scene.actors:
                assert any(word in text for word in said(actor.subject.name, SUBJECTS, withheld))
                ends = {"up": ("up", "top"), "down": ("down", "bottom")}
                assert not actor.direction or any(word in text for word in ends.get(actor.direction, (actor.direction,)))
            for name in scene.background.names:
                assert any(word in text for word in said(name, COLOURS, withheld))


def test_withheld_wordings_are_never_heard():
    heard = {both(seed)[1] for seed in range(1000)}
    withheld = {both(seed)[2] for seed in range(300)}
    assert not heard & withheld
    words = {word for text in heard for word in text.replace(",", "").replace(":", "").split()}
    assert not words & {"kitten", "hound", "scarlet", "heads", "left-hand", "towards", "top", "bottom", "surface"}


def test_no_word_is_both_heard_and_withheld():
    for words in (SUBJECTS, COLOURS):
        shown = {word for _, heard in words.values() for word in heard} | set(words)
        assert not shown & {withheld for withheld, _ in words.values()}
    for heard, withheld in zip(HEARD, WITHHELD, strict=True):
        for some in (heard, withheld):
            assert some
        assert not [one for one in withheld if one in heard]


def test_wordings_vary():
    scene = both(0, alone=1)[0]
    assert len({paraphrase(scene, np.random.default_rng(seed)) for seed in range(200)}) >= 150
