import pytest
import torch
from torch import nn

from worldreel.training import optimizers
from worldreel.training.optimizers import Muon, adamw, load_optimizer_state, muon_and_adamw, optimizer_state, orthogonal


@pytest.mark.parametrize("shape", [(64, 192), (192, 64), (32, 27 * 16), (8, 300)], ids=str)
def test_updates_are_made_orthogonal(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 1e-4
    made, alike = orthogonal(torch.stack([matrix, matrix * 1e3]))
    assert made.dtype == matrix.dtype
    assert torch.allclose(made, alike, atol=2e-2)
    values = torch.linalg.svdvals(made)
    assert 0.6 < float(values.min()) <= float(values.max()) < 1.3
    nearest = torch.linalg.svd(matrix, full_matrices=False)
    assert float(nn.functional.cosine_similarity(made.flatten(), (nearest.U @ nearest.Vh).flatten(), dim=0)) > 0.95


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_products_are_of_the_dtype_that_the_hardware_multiplies(dtype, monkeypatch):
    """Emulated bf16 takes a hundred times as long as fp32 on CPUs that know no such products."""
    monkeypatch.setattr(optimizers, "compute_dtype", lambda device: dtype)
    made = orthogonal(torch.randn(1, 64, 192, generator=torch.Generator().manual_seed(0)))
    rounded = torch.equal(made, made.to(torch.bfloat16).to(made.dtype))
    assert rounded == (dtype == torch.bfloat16)


@pytest.mark.parametrize("shape", [(64, 32), (16, 64), (16, 4, 3, 3, 3)], ids=str)
def test_steps_are_of_one_size(shape):
    """A fifth of the rate by root mean square, as AdamW's are, whatever the gradient's size and shape."""
    parameter = nn.Parameter(torch.zeros(shape))
    parameter.grad = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 1e3
    Muon([parameter], lr=0.5, weight_decay=0).step()
    assert float(parameter.detach().square().mean().sqrt()) == pytest.approx(0.1, rel=0.2)
    assert float((parameter.detach() * parameter.grad).sum()) < 0


def test_a_kernel_is_a_matrix_of_its_outputs():
    gradient = torch.randn(8, 4, 3, 1, 1, generator=torch.Generator().manual_seed(0))
    moved = []
    for shape in ((8, 4, 3, 1, 1), (8, 12)):
        parameter = nn.Parameter(torch.ones(shape))
        parameter.grad = gradient.reshape(shape)
        Muon([parameter], lr=0.1).step()
        moved.append(parameter.detach().flatten())
    assert torch.allclose(*moved, atol=2e-4)  # a thousandth of a step: sums are rounded in another order


def test_muon_takes_matrices_of_blocks_and_adamw_the_rest():
    network = nn.ModuleDict({"embed": nn.Linear(3, 4), "blocks": nn.ModuleList([nn.Linear(4, 4), nn.LayerNorm(4)])})
    network["blocks"][0].register_parameter("frozen", nn.Parameter(torch.zeros(2, 2), requires_grad=False))
    muon, adam = muon_and_adamw(network, 0.1, 0.2, inside="blocks", weight_decay=0.3)
    assert [parameter.shape for parameter in muon.param_groups[0]["params"]] == [(4, 4)]
    assert {group["lr"] for group in adam.param_groups} == {0.2}
    decays = {parameter.ndim: group["weight_decay"] for group in adam.param_groups for parameter in group["params"]}
    assert decays == {2: 0.3, 1: 0.0}
    assert sum(len(group["params"]) for group in adam.param_groups) == 5


def test_adamw_may_have_vectors_only():
    assert len(adamw([nn.Parameter(torch.zeros(3))], 0.1).param_groups) == 1


class Small(nn.Module):
    """A network with kernels in the memory order that convolutions like."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.stages = nn.ModuleList([nn.Conv3d(4, 8, 3), nn.Conv3d(8, 4, 3)])
        self.head = nn.Conv3d(4, 2, 3)
        for layer in (*self.stages, self.head):
            layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last_3d)

    def optimizers(self):
        return muon_and_adamw(self, 0.02, 0.01, inside="stages")

    def learn(self, optimizers, steps):
        for step in steps:
            x = torch.randn(1, 4, 7, 7, 7, generator=torch.Generator().manual_seed(step))
            self.head(self.stages[1](self.stages[0](x))).square().mean().backward()
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad()


def test_state_goes_there_and_back():
    """After loading, learning goes on to the last bit, with moments laid out in memory as they were."""
    alone, first = Small(), Small()
    ours, theirs = alone.optimizers(), first.optimizers()
    alone.learn(ours, range(6))
    first.learn(theirs, range(3))
    state = {name: tensor.clone() for name, tensor in optimizer_state(theirs).items()}
    second = Small()
    second.load_state_dict(first.state_dict())
    fresh = second.optimizers()
    load_optimizer_state(fresh, {name: tensor.contiguous() for name, tensor in state.items()})
    second.learn(fresh, range(3, 6))
    for one, other in zip(alone.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)
    expected, found = optimizer_state(ours), optimizer_state(fresh)
    assert expected.keys() == found.keys() == state.keys()
    for name, tensor in expected.items():
        assert torch.equal(tensor, found[name])
        assert tensor.stride() == found[name].stride()
        assert tensor.dtype == found[name].dtype
