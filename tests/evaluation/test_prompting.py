"""The studies of prompting: an answer that is the truth reaches every goal, the trivial one does not."""

import json

import numpy as np
import pytest

from worldreel.evaluation.prompting import STUDIES, changing, continuing, source
from worldreel.evaluation.prompting.source import SEED, Study, difference, motion, sources
from worldreel.evaluation.reconstruction import as_video
from worldreel.worlds.captions import STYLE_WORDS
from worldreel.worlds.judge import Judge
from worldreel.worlds.render import render, to_frames
from worldreel.worlds.scenes import random_scene
from worldreel.worlds.sprites import load_sprites
from worldreel.worlds.styles import styled


@pytest.fixture(scope="module")
def judge():
    return Judge()


@pytest.fixture
def answered(monkeypatch):
    """Studies whose model is a function (mode, given, seed, asked) -> frames, and whose codec is perfect."""
    monkeypatch.setattr(source, "frame_codec", lambda model: lambda frames: frames)

    def by(answer):
        for room in (continuing, changing):
            monkeypatch.setattr(room, "make", lambda model, mode, *given, seed, **asked: answer(mode, given, seed, asked))

    return by


def truth(seed, canvas=source.CANVAS):
    return to_frames(render([random_scene((SEED, seed), canvas, withheld_pairs=True, alone=1.0)], load_sprites())[0][0])


def goals(study):
    return {name: row.ok for name, row in study.rows.items() if row.goal is not None}


def test_sources_are_withheld_and_of_the_kind_that_is_asked_for(answered):
    found = list(sources(None, 4, moving=True))
    assert all(one.scene.is_withheld and one.scene.actors[0].direction for one in found)
    assert len({one.seed for one in found}) == 4
    assert all(one.step == pytest.approx(np.median(motion(one.frames))) for one in found)
    assert np.array_equal(found[0].frames, truth(found[0].seed))
    assert not any(one.scene.actors[0].direction for one in sources(None, 2, moving=False))


def test_differences_are_root_mean_squares():
    one, other = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 6, np.uint8)
    other[0] = 0
    assert difference(one, other) == pytest.approx(18**0.5)
    assert motion(np.stack([one, other, other])).tolist() == pytest.approx([18**0.5, 0])


def test_true_animations_reach_the_goals(answered, judge):
    answered(lambda mode, given, seed, asked: truth(seed))
    assert set(goals(STUDIES["animate"](None, judge, 3)).values()) == {True}


def test_held_images_do_not(answered, judge):
    answered(lambda mode, given, seed, asked: truth(seed)[[0] * 25])
    study = STUDIES["animate"](None, judge, 3)
    assert goals(study) == {"animate_given_exact": True, "animate_first_step": False}
    assert study.rows["animate_direction"].value == 0
    assert len(study.clips) == 3


def test_true_extensions_reach_the_goals(answered, judge):
    def answer(mode, given, seed, asked):
        frames = truth(seed)
        more = frames[19:25], frames[:6]
        still = np.repeat(frames[[24]], 6, axis=0), np.repeat(frames[[0]], 6, axis=0)
        if asked["direction"] == "forward":
            return np.concatenate([frames[6:19], more[0], still[0]])
        return np.concatenate([still[1], more[1], frames[6:19]])

    answered(answer)
    assert set(goals(STUDIES["extend"](None, judge, 3)).values()) == {True}


def test_a_cross_fade_gains_nothing(answered, judge):
    def fade(mode, given, seed, asked):
        frames = truth(seed)
        share = np.linspace(0, 1, 10)[1:-1, None, None, None]
        frames[9:17] = ((1 - share) * frames[8] + share * frames[17]).round()
        return frames

    answered(fade)
    study = STUDIES["fill"](None, judge, 3)
    assert study.rows["fill_gain"].value == pytest.approx(0, abs=1e-9)
    answered(lambda mode, given, seed, asked: truth(seed))
    assert goals(STUDIES["fill"](None, judge, 3)) == {"fill_gain": True}


def test_a_loop_that_jumps_is_seen(answered, judge):
    answered(lambda mode, given, seed, asked: np.concatenate([truth(seed), truth(seed)[:12]]))
    study = STUDIES["loop"](None, judge, 3)
    assert study.rows["loop_jump"].value == 0
    there_and_back = lambda mode, given, seed, asked: np.concatenate([truth(seed), truth(seed)[-2::-1]])  # noqa: E731
    answered(there_and_back)
    assert set(goals(STUDIES["loop"](None, judge, 3)).values()) == {True}


def test_an_edit_that_changes_nothing_is_seen(answered, judge):
    answered(lambda mode, given, seed, asked: given[0].array())
    found = STUDIES["edit"](None, judge, 2)
    assert found.rows["edit_subject"].value == found.rows["edit_background"].value == 0
    assert found.rows["edit_stays_in_place"].value == found.rows["edit_strength_0_changes_nothing"].value == 1


def test_a_clip_in_the_style_that_was_asked_for_is_seen_and_one_without_is_too(answered, judge):
    def answer(mode, given, seed, asked):
        clip, prompt = given
        style = next(name for name, wordings in STYLE_WORDS.items() if prompt.endswith(wordings[0]))
        return to_frames(styled(as_video(clip.array()), [style])[0])

    answered(answer)
    assert goals(STUDIES["restyle"](None, judge, 4)) == {"restyle_style": True}
    answered(lambda mode, given, seed, asked: given[0].array())
    row = STUDIES["restyle"](None, judge, 4).rows["restyle_style"]
    assert (row.value, row.peer, row.ok) == (0, 0, False)


def test_rows_can_be_written(answered, judge):
    """Figures of NumPy's are made plain: `--json` prints them."""
    study = Study()
    study.share("some", list(np.array([1.0, 3.0]) > 2), 0.5)
    study.mean("more", np.array([1.0, 3.0]), np.float64(2).item())
    assert json.dumps([row.to_json() for row in study.rows.values()])


def test_a_mean_reaches_its_goal_from_it_upwards():
    study = Study()
    study.mean("some", [1.0, 3.0], 2.0, [0.5, 0.5])
    study.mean("more", [1.0, 3.0], 2.1)
    study.share("half", [True, False], 0.6)
    assert [row.ok for row in study.rows.values()] == [True, False, False]
    assert study.rows["some"].peer == 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_every_study_runs_with_a_model(handle, judge, name):
    study = STUDIES[name](handle.model, judge, 4 if name == "beginnings" else 2)
    assert study.rows and study.clips
    exact = [row.value for key, row in study.rows.items() if key.endswith("given_exact")]
    assert all(value == 1 for value in exact)
