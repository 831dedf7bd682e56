import pytest
import torch

from worldreel.patches import Grid, Overlap, Segment, from_tokens, overlapping, pack, to_tokens

IMAGE, CLIP = Grid(1, 2, 3, seconds=1 / 3), Grid(3, 2, 2, seconds=1 / 3)
LATER = CLIP._replace(start=2.0)


def test_tokens_are_windows_of_a_picture_a_cell_apart():
    layout = pack([Segment((IMAGE,), ((6, 0),))])
    latents = torch.randn(5, 1, 4, 6)
    overlap = Overlap.of(layout, 2)
    spread = overlap.spread(to_tokens(latents, 2))
    assert spread.shape == (3 * 5, 4 * 5) and overlapping(IMAGE.shape, 2) == 15
    for row in range(3):
        for column in range(5):
            window = latents[:, :, row : row + 2, column : column + 2]
            assert torch.equal(spread[row * 5 + column], to_tokens(window, 2)[0])


@pytest.mark.parametrize("patch", [1, 2, 3])
def test_what_is_spread_is_gathered_again(patch):
    layout = pack([Segment((IMAGE, CLIP), ((18, 0),)), Segment((CLIP,), ((12, 1),))])
    tokens = torch.randn(30, patch**2 * 4)
    overlap = Overlap.of(layout, patch)
    assert torch.allclose(overlap.gathered(overlap.spread(tokens)), tokens, atol=1e-6)
    assert len(overlap.cells) == sum(overlapping(grid.shape, patch) for grid in (IMAGE, CLIP, CLIP))


def test_of_a_cell_the_mean_is_taken():
    overlap = Overlap.of(pack([Segment((IMAGE,), ((6, 0),))]), 2)
    said = torch.zeros(15, 4)
    said[6] = 1  # in the middle: the window of rows 1 and 2, columns 1 and 2
    cells = from_tokens(overlap.gathered(said), IMAGE, 2)[0, 0]
    assert torch.equal(cells[1:3, 1:3], torch.full((2, 2), 0.25)) and float(cells.sum()) == 1


def test_they_lie_between_plain_tokens():
    layout = pack([Segment((IMAGE, LATER), ((18, 0),))])
    wide = Overlap.of(layout, 2).layout
    places = torch.cat([IMAGE.places(8 / 3), LATER.places(8 / 3)])
    assert torch.equal(wide.positions[:5, 2], torch.tensor([0, 0.5, 1, 1.5, 2]))
    assert torch.equal(wide.positions[5:10, 1], torch.full((5,), 0.5))
    assert torch.allclose(wide.positions[15:, 0].view(3, 9), 24 * torch.tensor([2, 7 / 3, 8 / 3])[:, None].expand(3, 9))
    assert torch.allclose(wide.places[[0, 2, 4]], places[[0, 1, 2]])


def test_everybody_reads_its_own_text_in_its_own_segment():
    """A clip of two shots in two runs; two prompts in one run; both texts of the third segment are the second's last."""
    segments = [Segment((IMAGE, CLIP), ((6, 0), (12, 1))), Segment((CLIP,), ((4, 2), (8, 3))), Segment((IMAGE,), ((6, 3),))]
    wide = Overlap.of(pack(segments), 2).layout
    assert wide.segments == (15 + 27, 27, 15)
    assert [(span.start, span.stop, span.text) for span in wide.spans] == [
        (0, 15, 0),
        (15, 42, 1),
        (42, 51, 2),
        (51, 69, 3),
        (69, 84, 3),
    ]


def test_a_level_is_the_highest_that_a_token_reaches_into():
    levels = torch.tensor([0.0, 1.0, 0.5, 0.0, 0.0, 0.2])
    highest = Overlap.of(pack([Segment((IMAGE,), ((6, 0),))]), 2).highest(levels).view(3, 5)
    assert torch.equal(highest[0], torch.tensor([0.0, 1.0, 1.0, 1.0, 0.5]))
    assert torch.equal(highest[2], torch.tensor([0.0, 0.0, 0.0, 0.2, 0.2]))
