"""The head for what is edited."""

import pytest
import torch

from tests.weights import randomise
from worldreel.patches import Grid, Segment, pack
from worldreel.transformer import EditHeadConfig, Transformer, TransformerConfig

C, AROUND = 4, 16
CONFIG = TransformerConfig(
    channels=2 * C + 1,
    outputs=C,
    text_width=12,
    width=32,
    blocks=2,
    heads=2,
    mlp_width=48,
    edits=EditHeadConfig(around=AROUND, width=24),
)
GRID = Grid(2, 3, 3, seconds=1 / 3)


@pytest.fixture
def network():
    return randomise(Transformer(CONFIG))


def made(network, tokens):
    layout = pack([Segment((GRID,), ((GRID.tokens, 0),))])
    text = torch.randn(3, CONFIG.text_width, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return network(tokens, torch.full((GRID.tokens,), 0.6), layout, [text])


def tokens_of(shown):
    tokens = torch.randn(GRID.tokens, CONFIG.channels + AROUND, generator=torch.Generator().manual_seed(0))
    tokens[:, 2 * C] = torch.tensor(shown).expand(GRID.tokens)
    return tokens


def test_what_is_not_edited_is_made_as_without_it(network):
    shown = [0.0] * 9 + [1.0] * 9
    tokens = tokens_of(shown)
    apart = (made(network, tokens) - made(network, tokens[:, : CONFIG.channels])).abs().amax(1)
    assert not apart[:9].any() and bool((apart[9:] > 1e-3).all())


def test_it_sees_what_lies_around_a_token_and_only_its_own(network):
    tokens = tokens_of(1.0)
    changed = tokens.clone()
    changed[4, -1] += 1
    apart = (made(network, changed) - made(network, tokens)).abs().amax(1)
    assert float(apart[4]) > 1e-4 and not apart[torch.arange(GRID.tokens) != 4].any()


@pytest.mark.parametrize(("logit", "share"), [(30.0, 1.0), (-30.0, 0.0), (0.0, 0.5)])
def test_a_gate_copies_what_is_edited_exactly(network, logit, share):
    tokens = tokens_of(1.0)
    network.edits.outer.weight.zero_()
    network.edits.outer.bias.copy_(torch.tensor([0.0, logit]).repeat_interleave(C))
    without = made(network, tokens[:, : CONFIG.channels])
    expected = without.lerp(tokens[:, C : 2 * C], share)
    assert torch.allclose(made(network, tokens), expected, atol=1e-6)


def test_made_from_nothing_it_copies_next_to_nothing():
    network, tokens = Transformer(CONFIG), tokens_of(1.0)
    without = made(network, tokens[:, : CONFIG.channels])
    assert torch.allclose(made(network, tokens) - without, 0.0474 * (tokens[:, C : 2 * C] - without), atol=1e-3)
