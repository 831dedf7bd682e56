"""The network against its definition: kernels, batch norms and paddings written out one by one."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from worldreel.checkpoints import load_into, save_tensors
from worldreel.perception.i3d import FEWEST, I3D, MIXED, SIDE, frechet, recognised
from worldreel.perception.prepare import BRANCHES, convert_i3d


def unit(rng, before, after, side):
    """A convolution and its batch norm as flax keeps them."""
    kernel = rng.normal(size=(side, side, side, before, after)).astype(np.float32) / (before * side**3) ** 0.5
    bias, mean = rng.normal(size=(2, after)).astype(np.float32) * 0.1
    var = rng.uniform(0.3, 2, after).astype(np.float32)
    return {"Conv_0": {"kernel": kernel}, "BatchNorm_0": {"bias": bias}}, {"BatchNorm_0": {"mean": mean, "var": var}}


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(0)
    params, stats = {}, {}
    for name, shape in (("Conv3d_1a_7x7", (3, 64, 7)), ("Conv3d_2b_1x1", (64, 64, 1)), ("Conv3d_2c_3x3", (64, 192, 3))):
        params[name], stats[name] = unit(rng, *shape)
    for name, (before, (a, b0, b1, c0, c1, d)) in MIXED.items():
        shapes = ((before, a, 1), (before, b0, 1), (b0, b1, 3), (before, c0, 1), (c0, c1, 3), (before, d, 1))
        units = {key: unit(rng, *shape) for key, shape in zip(BRANCHES.values(), shapes, strict=True)}
        params[f"Mixed_{name}"] = {key: one for key, (one, _) in units.items()}
        stats[f"Mixed_{name}"] = {key: one for key, (_, one) in units.items()}
    last = {
        "kernel": rng.normal(size=(1, 1, 1, 1024, 400)).astype(np.float32) / 32,
        "bias": rng.normal(size=400).astype(np.float32),
    }
    params["Logits/Conv3d_0c_1x1"] = {"Conv_0": last}
    return {"params": params, "batch_stats": stats}


def same(size, width, step):
    """TensorFlow's SAME: as little as is needed, the odd one at the end."""
    missing = max((int(np.ceil(size / step)) - 1) * step + width - size, 0)
    return missing // 2, missing - missing // 2


def by_definition(arrays, video):
    def pad(x, widths, steps):
        t, h, w = (same(*args) for args in zip(x.shape[2:], widths, steps, strict=True))
        return F.pad(x, (*w, *h, *t))

    def convolved(x, path, step=1):
        kernel, moment = arrays["params"], arrays["batch_stats"]
        for key in path:
            kernel, moment = kernel[key], moment[key]
        weight = torch.from_numpy(kernel["Conv_0"]["kernel"]).permute(4, 3, 0, 1, 2)
        x = F.conv3d(pad(x, weight.shape[2:], (step,) * 3), weight, stride=step)
        mean, var = (torch.from_numpy(moment["BatchNorm_0"][key]) for key in ("mean", "var"))
        return F.batch_norm(x, mean, var, None, torch.from_numpy(kernel["BatchNorm_0"]["bias"]), eps=1e-3).relu()

    def pooled(x, widths, steps):
        return F.max_pool3d(pad(x, widths, steps), widths, steps)

    x = pooled(convolved(video, ["Conv3d_1a_7x7"], 2), (1, 3, 3), (1, 2, 2))
    x = pooled(convolved(convolved(x, ["Conv3d_2b_1x1"]), ["Conv3d_2c_3x3"]), (1, 3, 3), (1, 2, 2))
    for name in MIXED:
        x = pooled(x, (3, 3, 3), (2, 2, 2)) if name == "4b" else pooled(x, (2, 2, 2), (2, 2, 2)) if name == "5b" else x
        one, two0, two1, three0, three1, four = ([f"Mixed_{name}", key] for key in BRANCHES.values())
        two, three = convolved(convolved(x, two0), two1), convolved(convolved(x, three0), three1)
        x = torch.cat([convolved(x, one), two, three, convolved(pooled(x, (3, 3, 3), (1, 1, 1)), four)], 1)
    last = arrays["params"]["Logits/Conv3d_0c_1x1"]["Conv_0"]
    x = F.avg_pool3d(x, (2, 7, 7), stride=1)[..., 0, 0].mean(2)
    return x @ torch.from_numpy(last["kernel"])[0, 0, 0] + torch.from_numpy(last["bias"])


def test_equals_its_definition(arrays, tmp_path):
    save_tensors(tmp_path / "i3d.safetensors", convert_i3d(arrays), {})
    network = I3D()
    load_into(network, tmp_path / "i3d.safetensors")
    video = torch.rand(1, 3, 10, SIDE, SIDE, generator=torch.Generator().manual_seed(1)) * 2 - 1
    expected, found = by_definition(arrays, video), network(video)
    assert found.shape == (1, 400)
    assert float((found - expected).norm() / expected.norm()) < 2e-3  # the weights are kept in fp16
    with pytest.raises(ValueError, match="9 frames"):
        network(video[:, :, : FEWEST - 1])


def test_any_size_and_length_is_recognised(arrays):
    network = I3D()
    assert recognised(network, torch.zeros(3, 4, 32, 48)).shape == (400,)


def test_frechet_of_gaussians_is_the_formula():
    generator = torch.Generator().manual_seed(2)
    cloud = torch.randn(20_000, 3, generator=generator).double()
    assert frechet(cloud, cloud) == pytest.approx(0, abs=1e-6)
    assert frechet(cloud, cloud + torch.tensor([1.0, 2.0, 0.0])) == pytest.approx(5, abs=1e-6)
    # Scaled by 2: every deviation s becomes 2 s, and (2 s - s)² is s².
    assert frechet(cloud - cloud.mean(0), 2 * (cloud - cloud.mean(0))) == pytest.approx(
        float(torch.cov(cloud.T).trace()), rel=1e-6
    )
    turned = cloud @ torch.linalg.qr(torch.randn(3, 3, generator=generator).double())[0].T
    assert frechet(cloud * torch.tensor([1.0, 2.0, 3.0]), turned) == pytest.approx(0 + 1 + 4, rel=0.1)
    few = cloud[:2]  # fewer than there are features: the covariance has no inverse, and none is needed
    assert np.isfinite(frechet(few, cloud))
