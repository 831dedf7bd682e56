"""What a suite says of sampling that saves work: how much less the judge finds, and how far pixels are apart."""

import numpy as np
import pytest

from worldreel.evaluation.obedience import Sample, draw_prompts
from worldreel.evaluation.suites.worlds import lost_by_haste
from worldreel.perception.quality import psnr


@pytest.mark.parametrize(("right", "ok"), [(99, True), (98, True), (95, False)])
def test_what_is_lost(right, ok):
    """Of a hundred clips 99 are right where nothing is saved; a clip is right here if its first pixel is even."""
    (prompt,) = draw_prompts(1)

    def clips(count, more):
        return [Sample(prompt, np.full((2, 8, 8, 3), more + (number >= count), np.uint8)) for number in range(100)]

    rows = lost_by_haste(clips(right, 4), clips(99, 0), lambda sample: {"subject": sample.frames[0, 0, 0, 0] % 2 == 0})
    assert set(rows) == {"lost_subject", "fast_psnr"}
    lost = rows["lost_subject"]
    assert (lost.value, lost.peer, lost.ok, lost.n) == (pytest.approx((99 - right) / 100), 0.99, ok, 100)
    apart = np.zeros((1, 1, 1, 3), np.uint8)
    assert rows["fast_psnr"].value == pytest.approx(psnr(apart + 4, apart), abs=0.2)
