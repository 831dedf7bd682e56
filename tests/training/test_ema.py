import pytest
import torch
from torch import nn

from worldreel.training.ema import Average


def moved(network, value):
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(value)


def test_the_average_comes_to_rest_where_the_weights_do():
    network = nn.Linear(2, 2)
    moved(network, 0)
    average = Average(network, 0.9)
    moved(network, 1)
    seen = []
    for step in range(200):
        average.update(network, step)
        seen.append(float(average.network.weight.detach()[0, 0]))
    assert seen[0] == pytest.approx(0.9)  # it follows fast in the beginning
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1, abs=1e-4)


def test_late_updates_move_by_the_decay():
    network = nn.Linear(1, 1)
    moved(network, 0)
    average = Average(network, 0.99)
    moved(network, 1)
    average.update(network, 10**6)
    assert float(average.network.bias.detach()) == pytest.approx(0.01)


def test_buffers_are_copied_and_nothing_is_shared():
    network = nn.BatchNorm1d(3)
    average = Average(network, 0.9)
    network.running_mean.fill_(5)
    moved(network, 7)
    assert not average.network.running_mean.any()
    assert not average.network.weight.eq(7).any()
    average.update(network, 100)
    assert torch.equal(average.network.running_mean, network.running_mean)
    assert not any(parameter.requires_grad for parameter in average.network.parameters())
    assert not average.network.training
