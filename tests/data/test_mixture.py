import pytest
import torch

from worldreel.data.mixture import Mixture, MixtureConfig

CONFIG = MixtureConfig(pixels=4000, shapes=((1, 32, 48), (5, 32, 32), (9, 24, 16)), sides=(40, 60))


@pytest.fixture(scope="module")
def mixture():
    return Mixture(CONFIG, seed=3)


def test_batches_are_full_of_one_shape_and_in_range(mixture):
    shapes = set()
    for number in range(12):
        batch = mixture.batch(number)
        count, channels, *shape = batch.video.shape
        shapes.add(tuple(shape))
        assert (count, channels) == (max(1, 4000 // (shape[0] * shape[1] * shape[2])), 3)
        assert batch.cover.shape == (count, 1, *shape)
        assert -1 <= float(batch.video.min()) <= float(batch.video.max()) <= 1
        assert 0 <= float(batch.cover.min()) <= float(batch.cover.max()) <= 1
    assert shapes == set(CONFIG.shapes)


def test_a_batch_is_drawn_from_seed_and_number(mixture):
    first, again, next_one = mixture.batch(5), mixture.batch(5), mixture.batch(6)
    assert torch.equal(first.video, again.video)
    assert torch.equal(first.cover, again.cover)
    assert first.video.shape != next_one.video.shape or not torch.equal(first.video, next_one.video)
    other = Mixture(CONFIG, seed=4).batch(5)
    assert first.video.shape != other.video.shape or not torch.equal(first.video, other.video)


def test_every_clip_shows_a_subject(mixture):
    covers = [cover for number in range(12) for cover in mixture.batch(number).cover]
    assert min(float(cover.max()) for cover in covers) > 0.5
    assert sum(float(cover.mean()) for cover in covers) / len(covers) > 0.08
