"""With little memory a Wan makes the same video, and what its weights take is known without them."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from tests.models.wan.repositories import FAMILIES
from tests.transformer.test_offload import Recorder
from worldreel.generation import Device, Settings, generate
from worldreel.generation.memory import Work, least, need
from worldreel.models import Bundle, load_config, load_model, weights_of
from worldreel.shapes import VideoShape
from worldreel.transformer.offload import Offload


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", FAMILIES)
def test_weights_are_counted_exactly(repository, monkeypatch, name, dtype):
    for room in ("bundle", "wan.model"):
        monkeypatch.setattr(f"worldreel.models.{room}.compute_dtype", lambda device: dtype)
    folder = str(repository(name)[1])
    model, counted = load_model(folder), weights_of(load_config(folder), dtype)
    assert counted.all == sum(tensor.nbytes for tensor in model.state_dict().values())
    assert counted.block == sum(weight.nbytes for weight in model.transformer.blocks[1].parameters())
    assert (counted.blocks, counted.transformers) == (2, len(model.transformers))
    encoder = model.reader._encoder()
    assert counted.reader == sum(weight.nbytes for weight in encoder.parameters())


@pytest.mark.parametrize("name", ["2.1 text", "2.2 A14B text", "2.2 5B"])
def test_the_same_video_block_by_block(repository, name):
    model, side = load_model(str(repository(name)[1])), FAMILIES[name].side

    def make():
        size = f"{2 * side}x{side}"
        settings = Settings(steps=4, seed=2)
        return generate(model, "generate", "a dog runs", size=size, frames=5, settings=settings).array()

    wanted = make()
    recorders = []
    for network in model.transformers:
        recorders.append(Recorder(network.blocks))
        network.offload = Offload(recorders[-1], resident=1)
    assert np.array_equal(make(), wanted)
    for recorder in recorders:
        assert {("run", 0), ("run", 1)} <= set(recorder.moves)
        assert recorder.here == set()  # while frames are decoded


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", ["2.1 text", "2.2 A14B text", "2.2 5B"])
def test_the_same_video_out_of_the_file(repository, monkeypatch, tmp_path, name, dtype):
    """On a CPU that is told to take little: as they were saved, and in another format than they were saved in."""
    for room in ("bundle", "wan.model"):
        monkeypatch.setattr(f"worldreel.models.{room}.compute_dtype", lambda device: dtype)
    folder, side, cpu = str(repository(name)[1]), FAMILIES[name].side, Device("cpu", dtype)
    config = load_config(folder)
    work = Work(VideoShape(5, side, 2 * side), Fraction(config.defaults.fps))

    def make(memory):
        monkeypatch.setenv("WORLDREEL_CACHE", str(tmp_path / str(memory)))  # each reads its prompts itself
        model = load_model(folder, memory=memory)
        assert [network.offload is None for network in model.transformers] == [memory is None] * len(model.transformers)
        settings = Settings(steps=4, seed=2)
        return generate(model, "generate", "a dog runs", size=f"{2 * side}x{side}", frames=5, settings=settings).array()

    fewest = least(weights_of(config, dtype), need(config, work, cpu), cpu)
    monkeypatch.setattr(Bundle, "keep", lambda model, blocks: None)  # none stays, even where decoding takes more than all
    assert np.array_equal(make(fewest), make(None))


def test_of_two_experts_one_is_there(repository):
    model = load_model(str(repository("2.2 A14B text")[1]))
    early, late = (Recorder(network.blocks) for network in model.transformers)
    for network, recorder in zip(model.transformers, (early, late), strict=True):
        network.offload = Offload(recorder, resident=2)
    seen = []
    drop = early.drop

    def watched(block):
        seen.append(len(late.here))
        drop(block)

    early.drop = watched
    generate(model, "image", "a dog", size="32x32", settings=Settings(steps=4, seed=2))
    assert seen == [0, 0]  # the first left before the second came
    assert late.moves.count(("fetch", 0)) == 1


def test_a_large_encoder_reads_beside_the_device(repository):
    folder = repository("2.1 text")[1]
    weights = weights_of(load_config(str(folder)), torch.float32)
    cpu, meta = torch.device("cpu"), torch.device("meta")
    from worldreel.models.wan import load_model as load

    assert load(folder, cpu, weights.rest + weights.reader).reader.desk == cpu
    reader = load(folder, cpu).reader
    reader.device, reader.desk = meta, cpu
    assert reader.read(["a cat"])[0].is_meta  # read on the CPU, handed to the device
