import numpy as np

from worldreel.worlds.captions import short_caption
from worldreel.worlds.paraphrases import COLOURS, SUBJECTS, paraphrase
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


def test_a_paraphrase_names_all_there_is_and_repeats_no_caption():
    for seed in range(150):
        scene, *texts = both(seed)
        for half, text in enumerate(texts):
            assert text != short_caption(scene)
            for actor in scene.actors:
                assert SUBJECTS.get(actor.subject.name, (actor.subject.name,) * 2)[half] in text
                stem = {"up": ("up", "top"), "down": ("down", "bottom")}.get(actor.direction or "", (actor.direction or "",) * 2)
                assert stem[half] in text
            for name in scene.background.names:
                assert COLOURS.get(name, (name,) * 2)[half] in text


def test_withheld_wordings_are_never_heard():
    heard = {both(seed)[1] for seed in range(300)}
    withheld = {both(seed)[2] for seed in range(300)}
    assert not heard & withheld
    words = {word for text in heard for word in text.replace(",", "").split()}
    assert not words & {"kitten", "hound", "scarlet", "heads", "left-hand", "towards"}


def test_wordings_vary():
    scene = both(0, alone=1)[0]
    assert len({paraphrase(scene, np.random.default_rng(seed)) for seed in range(60)}) >= 5
