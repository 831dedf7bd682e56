import pytest
import torch

from worldreel.patches import Grid, Segment, Span, pack

IMAGE, CLIP = Grid(1, 2, 2, seconds=1 / 3), Grid(3, 1, 2, seconds=1 / 3)


def test_segments_lie_behind_one_another():
    later = CLIP._replace(start=2.0)
    layout = pack([Segment((IMAGE,), ((4, 1),)), Segment((CLIP, later), ((8, 0), (4, 2)))])
    assert layout.segments == (4, 12)
    assert layout.tokens == 16
    assert layout.spans == (Span(0, 4, 1), Span(4, 12, 0), Span(12, 16, 2))
    assert layout.runs == (((1, 2, 2),), ((3, 1, 2), (3, 1, 2)))
    assert layout.texts().tolist() == [1] * 4 + [0] * 8 + [2] * 4
    assert torch.equal(layout.positions, torch.cat([IMAGE.positions(), CLIP.positions(), later.positions()]))
    assert torch.equal(layout.places[4:], torch.cat([CLIP.places(8 / 3), later.places(8 / 3)]))


def test_a_segment_lasts_from_its_first_token_to_its_last():
    assert Segment((IMAGE,), ((4, 0),)).duration == 0
    assert Segment((CLIP._replace(start=2.0), IMAGE), ((10, 0),)).duration == pytest.approx(8 / 3)


@pytest.mark.parametrize("texts", [(), ((3, 0),), ((4, 0), (1, 1))])
def test_texts_must_cover_their_segment(texts):
    with pytest.raises(ValueError, match="of 4 tokens"):
        pack([Segment((IMAGE,), texts)])
