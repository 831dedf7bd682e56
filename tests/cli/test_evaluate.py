import json

import pytest

from tests.cli.conftest import listing
from worldreel.evaluation import suites
from worldreel.evaluation.results import Result


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    def suite(model, options):
        options.watch("counting", 1, 2)
        if options.out is not None:
            (options.out / "seen.txt").write_text(" ".join(options.settings))
        return {"right": Result(0.75, 0.7, 0.8, 200, 0.7, True, 0.1), "plain": Result(3.0, None, None, 1)}

    monkeypatch.setitem(suites.SUITES, "toy", suite)


def test_results_as_json(run, work):
    ended = run("evaluate", "tiny", "--suite", "toy", "--json")
    right = {"value": 0.75, "low": 0.7, "high": 0.8, "n": 200, "goal": 0.7, "ok": True, "peer": 0.1}
    answer = json.loads(ended.out)
    assert (answer["suite"], answer["model"], answer["results"]["right"]) == ("toy", "tiny", right)
    assert answer["results"]["plain"]["low"] is None
    assert (ended.status, ended.err, listing(work)) == (0, "", [])


def test_results_for_people(run, work):
    lines = run("evaluate", "tiny", "--suite", "toy").out.splitlines()
    assert lines == ["right  0.75  (0.7 to 0.8)  n 200  goal 0.7: met  peer 0.1", "plain  3  n 1"]


def test_out_and_settings_reach_the_suite(run, work):
    run("evaluate", "tiny", "--suite", "toy", "--out", "here", "--set", "a=1", "--set", "b=2", "--json")
    assert (work / "here/seen.txt").read_text() == "a=1 b=2"
    assert json.loads((work / "here/result.json").read_text())["suite"] == "toy"


def test_mistakes(run, refused, work):
    refused(run("evaluate", "tiny", "--suite", "toys"), "--suite 'toys': there is")
    refused(run("evaluate", "tiny"), "missing --suite")
    refused(run("evaluate", "hal", "--suite", "codec"), "--model 'hal': no such model")
