import json

import numpy as np
import pytest

from worldreel.evaluation.results import Result, bootstrap


def test_the_mean_with_its_interval_goal_and_peer():
    result = Result.mean([28.0, 32.0, 30.0, 34.0], goal=30.0, peers=[20.0, 22.0, 24.0, 26.0])
    assert (result.value, result.n, result.goal, result.ok, result.peer) == (31.0, 4, 30.0, True, 23.0)
    assert result.low is not None and result.high is not None
    assert 28 <= result.low < 31 < result.high <= 34
    assert Result.mean([29.9, 29.9], goal=30.0).ok is False


def test_one_value_has_no_interval_and_none_is_refused():
    assert Result.mean([3.0]) == Result(3.0, None, None, 1)
    with pytest.raises(ValueError, match="nothing"):
        Result.mean([])


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        low, high = bootstrap(list(rng.normal(5, 2, 40)))
        covered += low is not None and high is not None and low <= 5 <= high
    assert 0.89 <= covered / 200 <= 0.99


def test_it_is_plain_json():
    text = json.dumps(Result.mean([1.0, 2.0], goal=1.5).to_json())
    assert set(json.loads(text)) == {"value", "low", "high", "n", "goal", "ok", "peer"}
