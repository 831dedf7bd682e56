"""Long segments on a CPU: by strips of queries, what the fused kernel gives."""

import pytest
import torch
import torch.nn.functional as F

from worldreel.transformer.attention import SHORT, STRIP, Pairs, _by_strips, attend


@pytest.mark.parametrize(("asking", "answering"), [(SHORT + 7, SHORT + 7), (STRIP + 1, 40), (3, 50)])
def test_strips(asking, answering):
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, length, 3, 8, generator=generator).transpose(1, 2) for length in (asking, answering, answering))
    with torch.no_grad():
        made, wanted = _by_strips(q, k, v), F.scaled_dot_product_attention(q, k, v)
    assert (made - wanted).norm() / wanted.norm() <= 1e-5


def test_long_segments_in_bf16():
    """Rounding apart, as in fp32."""
    generator = torch.Generator().manual_seed(0)
    length = SHORT + 60
    q, k, v = (torch.randn(2 * length, 2, 16, generator=generator) for _ in range(3))
    ranges = [range(length), range(length, 2 * length)]
    pairs = Pairs.of(((rows, rows) for rows in ranges), 2 * length, 2 * length, torch.device("cpu"))
    wanted = attend(q, k, v, pairs)
    with torch.no_grad():
        made = attend(*(x.bfloat16() for x in (q, k, v)), pairs)
    assert (made - wanted).norm() / wanted.norm() <= 0.01
