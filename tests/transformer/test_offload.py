"""Blocks come to the device as they run, in turn, and leave it. The mover here stands for one: what it has not brought is NaN."""

from itertools import chain

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tests.weights import randomise
from worldreel.checkpoints import load_tensors
from worldreel.patches import Grid, Segment, pack
from worldreel.transformer import Transformer, TransformerConfig
from worldreel.transformer.offload import Copies, Offload, offloaded


class Recorder:
    """Weights that are not there are not numbers. `moves`: what was asked; `most`: the most blocks that were there at once."""

    def __init__(self, blocks, ahead=0):
        self.ahead, self.names = ahead, {block: number for number, block in enumerate(blocks)}
        self.host = {tensor: tensor.data for tensor in chain(blocks.parameters(), blocks.buffers())}
        self.moves, self.here, self.most = [], set(), 0
        for block in blocks:
            self._spoil(block)

    def _spoil(self, block):
        for tensor in chain(block.parameters(), block.buffers()):
            tensor.data = torch.full_like(tensor, torch.nan)

    def fetch(self, block):
        self.moves.append(("fetch", self.names[block]))
        self.here.add(block)
        self.most = max(self.most, len(self.here))

    def ready(self, block):
        self.moves.append(("run", self.names[block]))
        with torch.inference_mode(False):
            for tensor in chain(block.parameters(), block.buffers()):
                tensor.data = self.host[tensor].clone()

    def drop(self, block):
        self.moves.append(("drop", self.names[block]))
        self.here.remove(block)
        self._spoil(block)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return randomise(Transformer(TransformerConfig(channels=16, text_width=8, width=48, blocks=5, heads=2, mlp_width=64)))


@pytest.fixture
def run(network):
    layout = pack([Segment((Grid(2, 3, 3, seconds=1 / 12),), ((18, 0),))])
    inputs = torch.randn(18, 16), torch.full((18,), 0.5), layout, [torch.randn(4, 8)]

    def run():
        with torch.inference_mode():
            return network(*inputs)

    return run


@pytest.mark.parametrize("ahead", [0, 1])
@pytest.mark.parametrize("resident", range(7))
def test_the_result_is_the_same_to_the_last_bit(network, run, resident, ahead):
    wanted = run()
    assert bool(wanted.isfinite().all())
    recorder = Recorder(network.blocks, ahead)
    network.offload = Offload(recorder, resident)
    assert torch.equal(run(), wanted)
    assert torch.equal(run(), wanted)
    assert len(recorder.here) == min(resident, 5)
    guests = max(0, 5 - resident)
    assert recorder.most == min(5, resident + min(guests, 1 + ahead))
    network.offload.leave()
    assert recorder.here == set() and all(bool(weight.isnan().all()) for weight in network.blocks.parameters())


def test_one_at_a_time_in_turn(network, run):
    recorder = Recorder(network.blocks)
    network.offload = Offload(recorder)
    run()
    assert recorder.moves == [(what, number) for number in range(5) for what in ("fetch", "run", "drop")]


def test_the_next_comes_while_one_runs(network, run):
    recorder = Recorder(network.blocks, ahead=1)
    network.offload = Offload(recorder)
    run()
    assert recorder.moves[:8] == [
        *(("fetch", 0), ("fetch", 1), ("run", 0), ("drop", 0)),
        *(("fetch", 2), ("run", 1), ("drop", 1), ("fetch", 3)),
    ]


def test_those_that_stay_are_brought_once(network, run):
    recorder = Recorder(network.blocks)
    network.offload = Offload(recorder, resident=3)
    run()
    first = len(recorder.moves)
    run()
    guests = [recorder.names[block] for block in network.offload.guests(network.blocks)]
    assert guests == [2, 4]
    assert [number for what, number in recorder.moves[:first] if what == "fetch"] == [0, 1, 2, 3, 4]
    assert [number for what, number in recorder.moves[first:] if what != "run"] == [2, 2, 4, 4]


def test_a_run_that_was_broken_off_leaves_no_guests_behind(network, run):
    wanted = run()
    recorder = Recorder(network.blocks, ahead=1)
    network.offload = Offload(recorder, resident=1)
    for _ in zip(range(2), network.offload.run(network.blocks), strict=False):
        pass
    network.offload.resident = 0
    assert torch.equal(run(), wanted)
    assert recorder.most <= 3 and recorder.here == set()


def test_copies_put_back_what_was_there():
    """Also what was put there since, as by a LoRA."""

    class Elsewhere(Copies):
        def _copied(self, name, host):
            return host.clone()

    block, mover = nn.Linear(3, 3).requires_grad_(False), Elsewhere(torch.device("cpu"))
    block.weight = nn.Parameter(torch.ones(3, 3), requires_grad=False)
    host = block.weight.data_ptr()
    with torch.inference_mode():
        mover.fetch(block)
    assert block.weight.data_ptr() != host and torch.equal(block.weight, torch.ones(3, 3))
    assert not block.weight.is_inference()
    mover.drop(block)
    assert block.weight.data_ptr() == host


def test_without_cuda_copies_are_plain(network):
    made = offloaded(network.blocks, torch.device("mps"), lambda name, weight: torch.float32)
    assert type(made.mover) is Copies and made.mover.ahead == 0


def test_a_cpu_runs_what_lies_in_a_file(network, run, tmp_path):
    """In another format there than it is computed with, and the other way round; both with the same result."""
    network.to(torch.bfloat16).float()  # every weight is as exact in the file
    wanted = run()
    for saved in (torch.bfloat16, torch.float32):
        save_file({name: one.to(saved) for name, one in network.blocks.state_dict().items()}, tmp_path / "blocks.safetensors")
        for name, tensor in load_tensors(tmp_path / "blocks.safetensors").items():
            network.blocks.get_parameter(name).data = tensor
        hosts = [weight.data_ptr() for weight in network.blocks.parameters()]
        network.offload = offloaded(network.blocks, torch.device("cpu"), lambda name, weight: torch.float32)
        for network.offload.resident in (0, 3, 5):
            assert torch.equal(run(), wanted)
        network.offload.leave()
        assert [weight.data_ptr() for weight in network.blocks.parameters()] == hosts
        network.offload = None
