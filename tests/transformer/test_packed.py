"""A pack equals its segments one by one, and nothing leaks between them."""

from typing import NamedTuple

import numpy as np
import pytest
import torch

from tests.weights import randomise, zeroed
from worldreel.patches import Grid, Segment, pack
from worldreel.transformer import Transformer, TransformerConfig
from worldreel.transformer import attention as attention_room

TOLERANCE = 1e-5
CONFIG = TransformerConfig(channels=8, text_width=12, width=48, blocks=3, heads=2, mlp_width=96)


class Clip(NamedTuple):
    """One segment with all that it is made from. `spans`: token counts, each of which reads a text of its own."""

    tokens: torch.Tensor
    levels: torch.Tensor
    grid: Grid
    spans: tuple[int, ...]
    texts: list[torch.Tensor]


@pytest.fixture(scope="module")
def network():
    network = randomise(Transformer(CONFIG))
    assert not zeroed(network)
    return network


def random_clip(rng, same_level=False):
    grid = Grid(*(int(side) for side in rng.integers(1, 5, 3)), seconds=float(rng.choice([1 / 6, 1 / 3])))
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    cut = int(rng.integers(0, grid.tokens))
    spans = (cut, grid.tokens - cut) if cut else (grid.tokens,)
    texts = [torch.randn(int(rng.integers(1, 6)), CONFIG.text_width, generator=generator) for _ in spans]
    levels = torch.full((grid.tokens,), 0.7) if same_level else torch.rand(grid.tokens, generator=generator)
    levels[: grid.tokens // 3] = levels[0] if same_level else 0
    return Clip(torch.randn(grid.tokens, CONFIG.channels, generator=generator), levels, grid, spans, texts)


def arguments(clips):
    """Everything that the network takes, for clips in this order."""
    segments, texts = [], []
    for clip in clips:
        segments.append(Segment((clip.grid,), tuple((count, len(texts) + place) for place, count in enumerate(clip.spans))))
        texts += clip.texts
    return torch.cat([clip.tokens for clip in clips]), torch.cat([clip.levels for clip in clips]), pack(segments), texts


def outputs(network, clips):
    """The network's output for each clip of a pack."""
    with torch.inference_mode():
        return network(*arguments(clips)).split([clip.grid.tokens for clip in clips])


def most_different(some, others):
    return max(float((one - other).abs().max()) for one, other in zip(some, others, strict=True))


@pytest.mark.parametrize("same_level", [False, True], ids=["many levels", "one level"])
@pytest.mark.parametrize("seed", range(4))
def test_packed_equals_one_by_one(network, seed, same_level):
    rng = np.random.default_rng(seed)
    clips = [random_clip(rng, same_level) for _ in range(7)]
    clips += [clips[0], clips[3]._replace(tokens=clips[3].tokens.flip(0))]  # equal lengths run as one batch
    packed = outputs(network, clips)
    alone = [outputs(network, [clip])[0] for clip in clips]
    assert 0.2 < float(torch.cat(packed).std()) < 5
    assert most_different(packed, alone) <= TOLERANCE


def test_equal_clips_in_order_equal_one_by_one(network):
    """The short cut without copies: one length, texts in order, each read once."""
    rng = np.random.default_rng(4)
    first = random_clip(rng)
    clips = [
        first._replace(tokens=torch.randn_like(first.tokens), spans=(first.grid.tokens,), texts=[first.texts[0] + n])
        for n in range(3)
    ]
    assert most_different(outputs(network, clips), [outputs(network, [clip])[0] for clip in clips]) <= TOLERANCE


@pytest.mark.parametrize("numbers", [(1, 0), (0, 0), (1, 1), (1, 2), (0, 2)], ids=str)
def test_texts_may_be_read_in_any_order(network, numbers):
    grid = Grid(2, 2, 2, seconds=1 / 3)
    generator = torch.Generator().manual_seed(5)
    texts = [torch.randn(4, CONFIG.text_width, generator=generator) for _ in range(3)]
    halves = torch.randn(2, grid.tokens, CONFIG.channels, generator=generator)
    levels = torch.full((grid.tokens,), 0.5)
    layout = pack([Segment((grid,), ((grid.tokens, number),)) for number in numbers])
    with torch.inference_mode():
        packed = network(halves.flatten(0, 1), levels.repeat(2), layout, texts).chunk(2)
    alone = [
        outputs(network, [Clip(half, levels, grid, (8,), [texts[number]])])[0]
        for half, number in zip(halves, numbers, strict=True)
    ]
    assert most_different(packed, alone) <= TOLERANCE


def test_both_kernels_agree(network, monkeypatch):
    clips = [random_clip(np.random.default_rng(seed)) for seed in range(3)]
    plain = outputs(network, clips)
    monkeypatch.setattr(attention_room, "SHORT", 0)
    assert most_different(plain, outputs(network, clips)) <= TOLERANCE


@pytest.mark.parametrize("seed", range(3))
def test_order_in_the_pack_does_not_matter(network, seed):
    rng = np.random.default_rng(10 + seed)
    clips = [random_clip(rng) for _ in range(6)]
    order = rng.permutation(len(clips))
    moved = outputs(network, [clips[number] for number in order])
    there = outputs(network, clips)
    assert most_different(moved, [there[number] for number in order]) <= TOLERANCE


def test_one_distinct_level_equals_the_same_level_among_many(network):
    clip = random_clip(np.random.default_rng(20), same_level=True)
    other = clip._replace(levels=torch.linspace(0, 1, clip.grid.tokens))
    assert most_different([outputs(network, [clip])[0]], [outputs(network, [clip, other])[0]]) <= TOLERANCE


def gradients(network, clips, wanted):
    """How the outputs of `wanted` tokens of a pack depend on tokens, and on each text."""
    tokens, levels, layout, texts = arguments(clips)
    tokens.requires_grad_()
    texts = [text.clone().requires_grad_() for text in texts]
    out = network(tokens, levels, layout, texts)[wanted].square().sum()
    found = torch.autograd.grad(out, [tokens, *texts])
    return found[0], found[1:]


def test_nothing_leaks_between_segments(network):
    rng = np.random.default_rng(30)
    clips = [random_clip(rng) for _ in range(4)]
    clips[2] = clips[1]._replace(tokens=clips[1].tokens + 1)  # of one length, so one batch
    start = 0
    for number, clip in enumerate(clips):
        own = slice(start, start + clip.grid.tokens)
        by_token, by_text = gradients(network, clips, own)
        inside = torch.zeros(len(by_token), dtype=torch.bool)
        inside[own] = True
        assert by_token[inside].abs().amax(dim=1).gt(0).all()
        assert not by_token[~inside].any()
        owners = [owner for owner, other in enumerate(clips) for _ in other.texts]
        for owner, gradient in zip(owners, by_text, strict=True):
            assert bool(gradient.any()) == (owner == number)
        start = own.stop


def test_a_span_reads_its_own_text_only():
    """In a single block without summaries; beyond that, a segment's tokens tell each other what they read."""
    network = randomise(Transformer(CONFIG.model_copy(update={"blocks": 1, "summary": False})))
    clip = random_clip(np.random.default_rng(31))._replace(grid=Grid(3, 2, 2, seconds=1 / 3))
    generator = torch.Generator().manual_seed(6)
    texts = [torch.randn(length, CONFIG.text_width, generator=generator) for length in (3, 5, 3)]
    clip = Clip(torch.randn(12, CONFIG.channels, generator=generator), torch.full((12,), 0.4), clip.grid, (4, 5, 3), texts)
    start = 0
    for number, count in enumerate(clip.spans):
        _, by_text = gradients(network, [clip], slice(start, start + count))
        assert [bool(gradient.any()) for gradient in by_text] == [place == number for place in range(3)]
        start += count


def test_a_text_s_first_token_sums_it_up(network):
    """It reaches every token through the modulation, beside what attention reads."""
    clip = random_clip(np.random.default_rng(32))
    clip = clip._replace(spans=(clip.grid.tokens,), texts=[clip.texts[0][:1].repeat(2, 1)])
    swapped = clip._replace(texts=[clip.texts[0] + torch.tensor([[0.0], [1.0]])])
    again = clip._replace(texts=[swapped.texts[0].flip(0)])
    assert most_different(outputs(network, [swapped]), outputs(network, [again])) > 1e-3
    mute = randomise(Transformer(CONFIG.model_copy(update={"summary": False})))
    assert most_different(outputs(mute, [swapped]), outputs(mute, [again])) <= TOLERANCE


def test_a_token_knows_its_level_where_and_when_it_is(network):
    clip = random_clip(np.random.default_rng(33))._replace(grid=Grid(2, 2, 2, seconds=1 / 3))
    generator = torch.Generator().manual_seed(7)
    clip = Clip(
        torch.randn(8, 8, generator=generator), torch.full((8,), 0.5), clip.grid, (8,), [torch.randn(2, 12, generator=generator)]
    )
    (there,) = outputs(network, [clip])
    for changed in (
        clip._replace(levels=torch.full((8,), 0.6)),
        clip._replace(grid=clip.grid._replace(seconds=1 / 6)),
        clip._replace(grid=Grid(2, 1, 4, seconds=1 / 3)),
    ):
        assert most_different([there], outputs(network, [changed])) > 1e-3


def test_only_distances_in_time_matter_without_places():
    """Rotary positions are relative: a segment an hour later attends as it does now (Su et al. 2021)."""
    network = randomise(Transformer(CONFIG.model_copy(update={"place_frequencies": 0})))
    generator = torch.Generator().manual_seed(8)
    text = [torch.randn(3, CONFIG.text_width, generator=generator)]
    clip = Clip(torch.randn(12, 8, generator=generator), torch.full((12,), 0.5), Grid(3, 2, 2, seconds=1 / 3), (12,), text)
    later = clip._replace(grid=clip.grid._replace(start=3600.0))
    assert most_different(outputs(network, [clip]), outputs(network, [later])) <= 1e-4


def test_training_begins_at_zero():
    network = Transformer(CONFIG).eval()
    (out,) = outputs(network, [random_clip(np.random.default_rng(34))])
    assert torch.equal(out, network.head.bias.expand_as(out))
