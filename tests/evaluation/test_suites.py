"""Suites of prompts, with a model whose weights are random: which figures they give, and what they write."""

import json
from dataclasses import replace

import pytest

from worldreel.evaluation.suites import Options, evaluate


@pytest.fixture
def told(tmp_path):
    """Options of a suite that writes, and what it said of its progress."""
    said = []
    return Options(tmp_path / "out", ("prompts=2",), lambda *what: said.append(what)), said


def written(name, suite, options):
    """A suite's results, which are what it writes."""
    answer = evaluate(name, suite, options)
    assert json.loads((options.out / "result.json").read_text()) == answer
    return answer["results"]


def test_company_stands_beside_what_is_made_without_text(model_folder, told):
    options, said = told
    results = written(str(model_folder), "company", options)
    assert {"count", "binding"} <= set(results)
    assert results["count"]["goal"] == 0.85 and results["count"]["n"] == 2
    assert all(0 <= result["value"] <= 1 and 0 <= result["peer"] <= 1 for result in results.values())
    lines = (options.out / "clips.jsonl").read_text().splitlines()
    assert [set(json.loads(line)) for line in lines] == [{"prompt", "seed", "seen", "right"}] * 2
    assert (options.out / "first-40.png").stat().st_size > 0
    assert {what for what, _, _ in said} == {"sampling", "sampling without text"}


def test_a_cast_is_told_apart_as_rendered_but_not_through_noise(model_folder, told):
    """The codec's weights are random, so that every subject that goes through it is mistaken, or none is seen."""
    options, said = told
    results = written(
        str(model_folder), "cast", replace(options, settings=('cast="two dozen"', 'names=["dog", "rocket", "whale"]', "looks=2"))
    )
    assert results["families"]["value"] == 3
    assert (results["real_subject"]["value"], results["real_subject"]["n"], results["real_subject"]["goal"]) == (1, 6, 0.97)
    assert results["codec_subject"]["value"] == 0
    mistaken = json.loads((options.out / "mistaken.json").read_text())
    assert mistaken["real"] == [] and sum(count for _, _, count in mistaken["codec"]) == 6
    assert [done for _, done, _ in said] == list(range(6))


def test_paraphrases_may_lose_six_points_on_plain_words(model_folder, told):
    options, said = told
    results = written(str(model_folder), "paraphrases", options)
    plain = {name.removeprefix("plain_"): result for name, result in results.items() if name.startswith("plain_")}
    assert "subject" in plain and len(results) == 3 * len(plain)
    for attribute, result in plain.items():
        assert result["goal"] is None
        for kind in ("heard", "unheard"):
            assert results[f"{kind}_{attribute}"]["goal"] == pytest.approx(result["value"] - 0.06)
    assert (options.out / "clips.jsonl").read_text().count("\n") == 2
    assert {what for what, _, _ in said} == {"sampling"}
