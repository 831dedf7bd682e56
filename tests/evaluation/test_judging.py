from dataclasses import replace

import numpy as np
import pytest

from worldreel.evaluation.intervals import Rate, wilson
from worldreel.evaluation.judging import (
    Asked,
    agreement,
    blank,
    measure_count,
    measure_judge,
    measure_refusals,
    noise,
    rendered,
    score,
    score_company,
    swapped,
)
from worldreel.evaluation.obedience import draw_company, draw_prompts, paraphrased
from worldreel.worlds.judge import Judge, Verdict
from worldreel.worlds.render import render, to_frames
from worldreel.worlds.scenes import Canvas, random_scene
from worldreel.worlds.sprites import load_sprites

SMALL = Canvas(64, 64, 7)
ASKED = Asked("dog", ("red", "blue"), direction="left")
RIGHT = Verdict(("dog",), ("left",), ("middle",), ("red", "blue"))


class Constant:
    """Sees the same in every clip."""

    def __init__(self, verdict):
        self.verdict = verdict

    def see(self, frames):
        return self.verdict


@pytest.fixture(scope="module")
def judge():
    return Judge()


def test_wilson_against_known_values():
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0, 0.2775), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1), abs=1e-4)
    assert wilson(50, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)


def test_a_rate_counts():
    rate = Rate.of([True, False, True, True])
    assert (rate.value, rate.n) == (0.75, 4)
    assert rate.low < 0.75 < rate.high
    with pytest.raises(ValueError, match="nothing"):
        Rate.of([])


@pytest.mark.parametrize(
    ("verdict", "wrong"),
    [
        (RIGHT, set()),
        (replace(RIGHT, subjects=("cat",)), {"subject"}),
        (replace(RIGHT, directions=(None,)), {"direction"}),
        (replace(RIGHT, positions=("left",)), set()),
        (replace(RIGHT, background=("blue", "red")), {"background"}),
        (replace(RIGHT, background=("red",)), {"background"}),
        (replace(RIGHT, subjects=("dog", "cat"), directions=("left", None)), {"subject", "direction"}),
        (replace(RIGHT, refused="nothing is seen"), {"subject", "direction", "background"}),
        (Verdict(), {"subject", "direction", "background"}),
    ],
)
def test_the_rules_of_scoring(verdict, wrong):
    assert score(verdict, ASKED) == {name: name not in wrong for name in ("subject", "direction", "background")}


@pytest.fixture(scope="module")
def pair():
    scenes = (random_scene((16, seed), Canvas(128, 128, 13), alone=0.0) for seed in range(100))
    return next(scene for scene in scenes if len(scene.actors) == 2 and len({actor.direction for actor in scene.actors}) == 2)


def shown(scene):
    """The verdict of one who sees all."""
    return Verdict(
        tuple(actor.subject.name for actor in scene.actors),
        tuple(actor.direction for actor in scene.actors),
        tuple(actor.position for actor in scene.actors),
        scene.background.names,
    )


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda seen: seen, set()),
        (lambda seen: replace(seen, subjects=seen.subjects[::-1]), {"relation", "binding"}),
        (lambda seen: replace(seen, directions=seen.directions[::-1]), {"binding"}),
        (
            lambda seen: replace(seen, subjects=seen.subjects[:1], directions=seen.directions[:1]),
            {"count", "relation", "binding"},
        ),
        (lambda seen: replace(seen, refused="the background changes"), {"count", "relation", "binding", "background"}),
    ],
)
def test_company_is_scored_by_number_order_and_who_does_what(pair, change, wrong):
    marks = score_company(change(shown(pair)), pair)
    assert {name for name, right in marks.items() if not right} == wrong


def test_the_judge_reads_company_from_real_renders(judge):
    marks = []
    for prompt in draw_company(12):
        frames = to_frames(render([prompt.scene], load_sprites())[0][0])
        marks.append(score_company(judge.see(frames), prompt.scene))
    assert all(np.mean([mark[name] for mark in marks]) >= 0.9 for name in marks[0])


def test_only_what_was_asked_for_is_scored():
    assert set(score(RIGHT, Asked("dog", ("red", "blue")))) == {"subject", "background"}
    assert score(RIGHT, Asked("dog", ("red",), position="middle"))["position"]


def test_a_true_judge_is_found_true_and_a_constant_one_is_not(judge):
    measured = measure_judge(judge, None, range(8), SMALL)
    assert all(rate.value == 1 for rate in measured.values())
    assert measured["subject"].n == 8
    assert measured["direction"].n + measured["position"].n == 8
    assert measure_judge(Constant(RIGHT), None, range(8), SMALL)["subject"].value < 0.3
    assert measure_count(judge, None, range(4), SMALL).value == 1


def test_the_codec_is_between_the_render_and_the_judge(judge):
    seen = []
    rates = measure_judge(judge, lambda frames: seen.append(frames.shape) or np.zeros_like(frames), range(3), SMALL)
    assert seen == [(7, 64, 64, 3)] * 3
    assert rates["subject"].value == 0


def test_agreement_is_about_answers_and_counts_what_is_judged():
    clips = [(ASKED, np.zeros((1, 8, 8, 3), np.uint8))] * 2
    cat = replace(RIGHT, subjects=("cat",))
    same = agreement(Constant(cat), Constant(cat), clips)
    assert {name: rate.value for name, rate in same.items()} == {"judged": 1, "subject": 1, "background": 1, "direction": 1}
    assert agreement(Constant(RIGHT), Constant(cat), clips)["subject"].value == 0
    refused = agreement(Constant(Verdict(refused="noise")), Constant(cat), clips)
    assert {name: rate.value for name, rate in refused.items()} == {"judged": 0}


def test_what_shows_no_scene_is_refused(judge):
    measured = measure_refusals(judge, None, range(3), Canvas(64, 64, 9))
    assert {name: rate.value for name, rate in measured.items()} == {"blank": 1, "noise": 1, "swapped": 1}


def test_the_clips_to_refuse_are_what_they_say():
    (_, frames), *_ = rendered([3], canvas=SMALL)
    assert np.ptp(blank(4, SMALL), axis=2).max() == 0
    assert noise(0, SMALL).std() > 60
    for seed in range(3):
        clip = swapped(seed, SMALL)
        assert clip.shape == frames.shape
        assert np.array_equal(clip, swapped(seed, SMALL))


def test_paraphrased_prompts_are_the_same_scenes_in_other_words():
    plain = draw_prompts(20)
    heard, unheard = paraphrased(plain), paraphrased(plain, withheld=True)
    texts = [{prompt.text for prompt in prompts} for prompts in (plain, heard, unheard)]
    assert not texts[0] & texts[1] and not (texts[0] | texts[1]) & texts[2]
    for other in (heard, unheard):
        assert [prompt.scene for prompt in plain] == [prompt.scene for prompt in other]
    assert heard == paraphrased(plain)
