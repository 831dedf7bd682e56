"""What a suite says of sampling that saves work: how much less the judge finds, and how far pixels are apart."""

import numpy as np
import pytest

from worldreel.evaluation import suites
from worldreel.evaluation.intervals import Rate
from worldreel.evaluation.obedience import Sample, draw_prompts
from worldreel.perception.quality import psnr


@pytest.mark.parametrize(("right", "ok"), [(99, True), (98, True), (95, False)])
def test_what_is_lost(monkeypatch, right, ok):
    (prompt,) = draw_prompts(1)
    frames = np.zeros((2, 8, 8, 3), np.uint8)
    fast, exact = [Sample(prompt, frames + 3)], [Sample(prompt, frames)]
    found = {id(fast): right, id(exact): 99}
    scores = {"subject": lambda count: Rate.of([True] * count + [False] * (100 - count))}
    monkeypatch.setattr(suites, "_scores", lambda judge, clips: {name: of(found[id(clips)]) for name, of in scores.items()})
    rows = suites._lost(None, fast, exact)
    assert set(rows) == {"lost_subject", "fast_psnr"}
    lost = rows["lost_subject"]
    assert (lost.value, lost.peer, lost.ok, lost.n) == (pytest.approx((99 - right) / 100), 0.99, ok, 100)
    assert rows["fast_psnr"].value == pytest.approx(psnr(frames + 3, frames))
