import json
import resource
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from worldreel.checkpoints import load_into, load_metadata, load_shards, load_tensors, narrowed, save_tensors, shard_paths
from worldreel.errors import UserError


@contextmanager
def room_for(size):
    """A disk that takes no file larger than `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_tensors(path, nn.Linear(3, 2).state_dict(), {"made": "here"})
    return path


def test_tensors_come_back_as_they_were(tmp_path):
    shared = torch.arange(6.0).reshape(2, 3)
    tensors = {
        "strided": shared.T, "shared": shared,
        "kernel": torch.randn(2, 3, 1, 2, 2).contiguous(memory_format=torch.channels_last_3d),
        "half": torch.randn(5).bfloat16(), "count": torch.tensor(3), "none": torch.zeros(0, 4),
    }  # fmt: skip
    save_tensors(tmp_path / "a.safetensors", tensors, {"key": "value"})
    loaded = load_tensors(tmp_path / "a.safetensors")
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name], tensor)
    assert load_metadata(tmp_path / "a.safetensors") == {"key": "value"}


def test_weights_load_into_their_module(weights):
    module = nn.Linear(3, 2)
    load_into(module, weights)
    assert torch.equal(module.weight, load_tensors(weights)["weight"])
    assert load_metadata(weights) == {"made": "here"}


def narrow(layer):
    return {**narrowed("weight", layer.weight.detach()), "bias": layer.bias.detach()}


def test_what_is_narrowed_comes_back_nearly_and_stays_so(tmp_path):
    layer, again = nn.Conv3d(4, 6, 3), nn.Conv3d(4, 6, 3)
    with torch.no_grad():
        layer.weight[2] *= 1e-3  # each slice has a scale of its own
        layer.weight[3] = 0
    save_tensors(tmp_path / "a.safetensors", narrow(layer))
    assert (tmp_path / "a.safetensors").stat().st_size < 0.5 * 4 * layer.weight.numel()
    load_into(again, tmp_path / "a.safetensors")
    most = layer.weight.abs().flatten(1).amax(dim=1)
    assert bool(((again.weight - layer.weight).abs().flatten(1).amax(dim=1) <= most / 250).all())
    assert torch.equal(again.bias, layer.bias)
    save_tensors(tmp_path / "b.safetensors", narrow(again))
    assert (tmp_path / "b.safetensors").read_bytes() == (tmp_path / "a.safetensors").read_bytes()


def test_scales_that_fit_nothing_are_refused(tmp_path):
    layer = nn.Conv3d(4, 6, 3)
    tensors = narrow(layer)
    short, wide = {"weight.scale": tensors["weight.scale"][1:]}, {"weight": layer.weight.detach()}
    for wrong in (short, wide):
        save_tensors(tmp_path / "a.safetensors", {**tensors, **wrong})
        with pytest.raises(UserError, match="the scales of 'weight' fit nothing there"):
            load_into(layer, tmp_path / "a.safetensors")
    del tensors["weight"]
    save_tensors(tmp_path / "a.safetensors", tensors)
    with pytest.raises(UserError, match="the scales of 'weight' fit nothing there"):
        load_into(layer, tmp_path / "a.safetensors")


@pytest.mark.parametrize("keep", [0, 4, 40, -1])
def test_truncated_files_are_refused(weights, keep):
    weights.write_bytes(weights.read_bytes()[:keep])
    for load in (load_tensors, load_metadata):
        with pytest.raises(UserError, match=r"weights\.safetensors is not a whole safetensors file"):
            load(weights)


@pytest.mark.parametrize("content", [b"plain text", b"PK\x03\x04" + bytes(200), b"\x80\x02}q\x00." * 30, bytes(64)])
def test_files_of_another_kind_are_refused(weights, content):
    weights.write_bytes(content)
    with pytest.raises(UserError, match="is not a whole safetensors file"):
        load_into(nn.Linear(3, 2), weights)


def test_missing_files_and_folders_are_refused(tmp_path):
    for path in (tmp_path / "nothing.safetensors", tmp_path):
        with pytest.raises(UserError, match="is not a whole safetensors file"):
            load_tensors(path)


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (nn.Linear(3, 2, bias=False), "has an unknown 'bias'"),
        (nn.BatchNorm1d(2), "lacks 'num_batches_tracked'"),
        (nn.Linear(2, 3), r"is \(2,\), not \(3,\)|is \(2, 3\), not \(3, 2\)"),
    ],
    ids=["extra", "missing", "shape"],
)
def test_foreign_weights_are_refused(weights, module, reason):
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with pytest.raises(UserError, match=reason) as error:
        load_into(module, weights)
    assert "these weights belong to another model" in str(error.value)
    assert "\n" not in str(error.value)
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(weights, value):
    tensors = load_tensors(weights)
    tensors["bias"][1] = value
    save_tensors(weights, tensors)
    with pytest.raises(UserError, match="'bias' holds values that are not finite"):
        load_into(nn.Linear(3, 2), weights)


def test_a_full_disk_leaves_the_older_file(weights):
    before = weights.read_bytes()
    with room_for(10_000), pytest.raises(UserError, match="cannot be written"):
        save_tensors(weights, {"large": torch.zeros(100_000)})
    assert weights.read_bytes() == before
    assert list(weights.parent.iterdir()) == [weights]


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(UserError, match="cannot be written"):
        save_tensors(tmp_path / "nowhere" / "a.safetensors", {"a": torch.zeros(1)})


@pytest.fixture
def shards(tmp_path):
    """The same layer, its bias in a file of its own."""
    tensors = {name: tensor.detach() for name, tensor in nn.Linear(3, 2).state_dict().items()}
    for number, (name, tensor) in enumerate(tensors.items()):
        save_tensors(tmp_path / f"model-{number}.safetensors", {name: tensor})
    index = {"weight_map": {name: f"model-{number}.safetensors" for number, name in enumerate(tensors)}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    return tmp_path, tensors


def load(module, paths, translate=lambda tensors, what: tensors):
    load_shards(module, paths, translate, lambda name, tensor: tensor, torch.device("cpu"))


def test_weights_in_several_files_are_put_together(shards):
    folder, tensors = shards
    with torch.device("meta"):
        layer = nn.Linear(3, 2)
    load(layer, shard_paths(folder, "model"))
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in layer.state_dict().items())


def test_a_single_file_needs_no_index(weights):
    assert shard_paths(weights.parent, "weights") == [weights]


def test_files_that_an_index_lists_must_be_there(shards):
    folder, _ = shards
    (folder / "model-1.safetensors").unlink()
    with pytest.raises(UserError, match=r"model-1\.safetensors is missing, which model\.safetensors\.index\.json lists"):
        shard_paths(folder, "model")
    with pytest.raises(UserError, match=r"other\.safetensors is missing; fetch the weights again"):
        shard_paths(folder, "other")


def test_several_files_must_fit_together(shards):
    folder, _ = shards
    paths = shard_paths(folder, "model")
    with pytest.raises(UserError, match=f"{folder} lacks 'bias'"):
        load(nn.Linear(3, 2), paths[:1])
    with pytest.raises(UserError, match=r"model-0\.safetensors: 'weight' is \(2, 3\), not \(2, 4\)"):
        load(nn.Linear(4, 2), paths)
    with pytest.raises(UserError, match=r"model-0\.safetensors has an unknown 'w'"):
        load(nn.Linear(3, 2), paths, lambda tensors, what: {"w": next(iter(tensors.values()))})
