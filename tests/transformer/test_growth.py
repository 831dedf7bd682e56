"""A deeper transformer predicts what the one that it was grown from does, and learns in all that is new."""

import numpy as np
import pytest
import torch

from tests.transformer.test_packed import CONFIG, arguments, random_clip
from tests.weights import randomise
from worldreel.transformer import Transformer
from worldreel.transformer.growth import grown


def deeper(blocks):
    small = randomise(Transformer(CONFIG))
    large = Transformer(CONFIG.model_copy(update={"blocks": blocks}))
    large.load_state_dict(grown(small.state_dict(), blocks))
    return small, large


@pytest.mark.parametrize("blocks", [3, 4, 5, 6])
def test_it_predicts_the_same(blocks):
    small, large = deeper(blocks)
    inputs = arguments([random_clip(np.random.default_rng(seed)) for seed in range(3)])
    with torch.inference_mode():
        assert torch.equal(large(*inputs), small(*inputs))


def test_every_new_block_learns():
    _, large = deeper(5)
    inputs = arguments([random_clip(np.random.default_rng(1))])
    large.requires_grad_(True)
    large(*inputs).square().sum().backward()
    silent = [number for number, block in enumerate(large.blocks) if not all(bool(p.grad.any()) for p in last_layers(block))]
    assert not silent


def last_layers(block):
    return block.attention.out.weight, block.cross.out.weight, block.mlp[2].weight


def test_weights_deep_enough_stay_as_they_are():
    small = randomise(Transformer(CONFIG)).state_dict()
    assert grown(small, 2).keys() == small.keys()
