import torch

from tests.weights import randomise
from worldreel.autoencoder import Enlarger, EnlargerConfig

CONFIG = EnlargerConfig(channels=4, width=8, blocks=2, kernel=3)


def test_it_begins_as_the_identity():
    latents = torch.randn(2, 4, 3, 5, 7)
    assert torch.equal(Enlarger(CONFIG)(latents), latents)


def test_frames_are_enlarged_each_by_itself():
    network, latents = randomise(Enlarger(CONFIG)), torch.randn(2, 4, 3, 5, 7)
    whole = network(latents)
    assert whole.shape == latents.shape
    assert not torch.allclose(whole, latents, atol=0.1)
    for number in range(3):
        assert torch.allclose(whole[:, :, number : number + 1], network(latents[:, :, number : number + 1]), atol=1e-5)
