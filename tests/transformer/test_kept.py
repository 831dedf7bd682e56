"""What is kept between steps changes nothing, is bounded, and is of one network at a time."""

import pytest
import torch

from tests.transformer.test_packed import CONFIG, TOLERANCE
from tests.weights import randomise
from worldreel.patches import Grid, Segment, pack
from worldreel.transformer import Transformer
from worldreel.transformer.kept import IN_A_ROW, Kept

GRID = Grid(3, 4, 4, seconds=1 / 24)
CONFIG_IMAGE = CONFIG.model_copy(update={"image_width": 10})


@pytest.fixture(scope="module")
def networks():
    return [randomise(Transformer(CONFIG_IMAGE), seed) for seed in (0, 1)]


@pytest.fixture(scope="module")
def pack_of_two():
    generator = torch.Generator().manual_seed(0)
    layout = pack([Segment((GRID,), ((GRID.tokens, number),)) for number in range(2)])
    texts = [torch.randn(length, CONFIG.text_width, generator=generator) for length in (5, 3)]
    return layout, texts, torch.randn(4, 10, generator=generator)


def step(number):
    generator = torch.Generator().manual_seed(number)
    tokens = torch.randn(2 * GRID.tokens, CONFIG.channels, generator=generator)
    levels = torch.full((2 * GRID.tokens,), 1 - 0.1 * number)
    levels[: GRID.tokens // 3] = 0.0
    return tokens, levels


@torch.inference_mode()
@pytest.mark.parametrize("most", [0, 20_000, 2**30])
def test_the_same_to_the_last_bit(networks, pack_of_two, most):
    kept = Kept(most)
    for number in range(3):
        for network in networks:  # as two experts would, and worse: in turns
            made = network(*step(number), *pack_of_two, kept)
            assert torch.equal(made, network(*step(number), *pack_of_two))


@torch.inference_mode()
def test_texts_are_read_once(networks, pack_of_two):
    network, read = networks[0], []
    handles = [block.cross.k.register_forward_hook(lambda *given: read.append(1)) for block in network.blocks]
    try:
        for most in (2**30, 0):
            kept = Kept(most)
            read.clear()
            for number in range(3):
                network(*step(number), *pack_of_two, kept)
            assert len(read) == len(network.blocks) * (1 if most else 3)
    finally:
        for handle in handles:
            handle.remove()


@torch.inference_mode()
def test_no_more_than_it_may_and_of_one_network(networks, pack_of_two):
    def held(kept):
        return sum(one.nbytes for pair in kept._pairs.values() for one in pair)

    whole = Kept()
    networks[0](*step(0), *pack_of_two, whole)
    alone = held(whole)
    networks[1](*step(0), *pack_of_two, whole)
    assert held(whole) == alone > 0
    some = Kept(alone // 2)
    networks[0](*step(0), *pack_of_two, some)
    assert 0 < held(some) <= alone // 2


@torch.inference_mode()
def test_blocks_are_passed_over_only_where_little_changes(networks, pack_of_two):
    network, exact, loose = networks[0], Kept(), Kept(near=0.05)
    tokens, levels = step(1)
    for number in range(6):  # nearly the same each time
        inputs = tokens * (1 + 1e-4 * number), levels, *pack_of_two
        made, wanted = network(*inputs, loose), network(*inputs, exact)
        assert (made - wanted).norm() / wanted.norm() < 0.02
    assert exact.passed == 0
    assert loose.passed == 4  # of six: the first ran, three were passed over, one ran, one more was passed over
    assert IN_A_ROW == 3
    network(*step(5), *pack_of_two, loose)
    assert loose.passed == 4


def test_with_gradients_and_without(networks, pack_of_two):
    """Modulation by token and by distinct level."""
    wanted = networks[0](*step(2), *pack_of_two)
    with torch.inference_mode():
        made = networks[0](*step(2), *pack_of_two)
    assert (made - wanted.detach()).norm() / wanted.norm() <= TOLERANCE
