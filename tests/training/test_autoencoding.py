import pytest
import torch

from tests.training.small import autoencoder_run
from worldreel.training.autoencoding import PREVIEWS, Autoencoding


@pytest.fixture(scope="module")
def task():
    return Autoencoding(autoencoder_run().task, torch.device("cpu"))


@pytest.fixture(scope="module")
def first_loss(task):
    """Of the first step, which also fits the straight path."""
    return task.loss(0)


def test_it_begins_as_the_best_linear_codec(task, first_loss):
    """Grey would give about 10 dB on these clips, blocks of one colour about 16."""
    encoding, decoding = task.network.encoder.straight, task.network.decoder.straight
    for name, tensor in encoding.state_dict().items():
        assert torch.equal(tensor, decoding.state_dict()[name])
    gram = encoding.analysis.weight @ encoding.synthesis.weight
    assert torch.allclose(gram, torch.eye(4), atol=1e-3)
    assert first_loss.parts["psnr"] > 12
    assert first_loss.parts["divergence"] > 0
    assert first_loss.total.isfinite()


def test_a_step_is_drawn_from_its_number(task, first_loss):
    losses = [float(task.loss(step).total.detach()) for step in (3, 4, 3)]
    assert losses[0] == losses[2] != losses[1]


def test_every_weight_learns(task, first_loss):
    """But for the straight path, which stays as it was fitted. Not at the very start: layers that begin at zero hide others."""
    trained = Autoencoding(task.config, task.device)
    trained.network.load_state_dict(task.network.state_dict())
    with torch.no_grad():
        for parameter in trained.network.parameters():
            parameter.add_(0.01 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    for step in (1, 2, 3, 4):  # clips with a past among them
        trained.loss(step).total.backward()
    silent = {name for name, one in trained.network.named_parameters() if one.grad is None or not one.grad.any()}
    assert silent == {name for name in silent if ".straight." in name}
    assert len(silent) == 8


def test_latent_statistics_follow_what_is_seen(task, first_loss):
    before = task.network.latent_std.clone()
    mean = torch.randn(2, 4, 3, 5, 5, generator=torch.Generator().manual_seed(0)) * 7 + 3
    for _ in range(800):
        task._follow_statistics(mean)
    assert torch.allclose(task.network.latent_mean, mean.mean(dim=(0, 2, 3, 4)), atol=0.05)
    assert torch.allclose(task.network.latent_std, mean.std(dim=(0, 2, 3, 4)), atol=0.05)
    assert not torch.equal(before, task.network.latent_std)


def test_latents_are_weighed_by_what_they_show(task, first_loss):
    """The straight path's channels are principal components: the first tells the most. Undone, latents are what they were."""
    network = Autoencoding(task.config, task.device).network
    network.load_state_dict(task.network.state_dict())
    video = task.data.batch(0).video[:1]
    before = network.encode(video)
    task.weigh(network)
    weights = network.latent_weight
    assert int(weights.argmax()) == 0
    assert float(weights.square().mean()) == pytest.approx(1, rel=1e-4)
    weighed = network.encode(video)
    assert torch.allclose(weighed, before * weights[:, None, None, None], atol=1e-4)
    assert torch.allclose(network.raw(weighed), task.network.raw(before), atol=1e-4)


def test_a_decoder_that_learns_alone_leaves_latents_as_they_are(task, first_loss, tmp_path):
    task.export(task.network, tmp_path)
    start = tmp_path / "autoencoder.safetensors"
    alone = Autoencoding(task.config.model_copy(update={"encoder": False, "start": start}), task.device)
    video = task.data.batch(0).video[:1]
    before, shown = alone.network.encode(video), alone.network.decode(task.network.encode(video))
    for step in range(2):
        alone.loss(step).total.backward()
        for optimizer in alone.optimizers():
            optimizer.step()
    alone.export(alone.network, tmp_path)
    assert torch.equal(alone.network.encode(video), before)
    assert not torch.equal(alone.network.decode(task.network.encode(video)), shown)


def test_both_ends_may_learn_and_keep_how_latents_are_normalised(task, first_loss, tmp_path):
    config = task.config.model_copy(update={"normalisation": False})
    trained = Autoencoding(config, task.device)
    trained.network.load_state_dict(task.network.state_dict())
    before = {name: value.clone() for name, value in trained.network.named_buffers()}
    trained.loss(1).total.backward()
    trained.export(trained.network, tmp_path)
    assert before.keys() >= {"latent_mean", "latent_std", "latent_weight"}
    assert all(torch.equal(value, before[name]) for name, value in trained.network.named_buffers())
    assert trained.network.encoder.moments.weight.grad.any()  # what learns first, at the straight path


def test_a_decibel_counts_as_much_on_an_easy_clip_as_on_a_hard_one(task):
    config = task.config.model_copy(update={"absolute": 0.0, "squared": 0.0, "decibels": 2.0})
    measured = Autoencoding(config, task.device)
    error = (
        torch.randn(2, 3, 5, 8, 8, generator=torch.Generator().manual_seed(0))
        * torch.tensor([1.0, 0.1])[:, None, None, None, None]
    )
    weight = 1 + torch.rand(2, 1, 5, 8, 8, generator=torch.Generator().manual_seed(1))
    before = measured._distance(error, weight)
    for clip in range(2):
        halved = error.clone()
        halved[clip] /= 2
        gained = before - measured._distance(halved, weight)
        assert abs(float(gained) - 2 * float(torch.log(torch.tensor(4.0))) / 2) < 0.01


def test_previews_are_of_clips_it_never_learns_from(task, tmp_path):
    shown = []
    batch = task.data.batch
    task.data.batch = lambda number: shown.append(number) or batch(number)
    task.preview(task.network, tmp_path, 7)
    del task.data.batch
    assert min(shown) >= PREVIEWS
    assert (tmp_path / "step-00000007.png").stat().st_size > 500
