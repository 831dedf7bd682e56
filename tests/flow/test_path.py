import torch

from worldreel.flow import clean_from_velocity, noised, velocity, velocity_loss


def some(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_path_goes_from_data_to_noise():
    clean, noise = some(3, 4), some(3, 4, seed=1)
    ends = noised(clean, noise, torch.tensor([0.0, 1.0, 0.25]))
    assert torch.equal(ends[0], clean[0])
    assert torch.equal(ends[1], noise[1])
    assert torch.allclose(ends[2], 0.75 * clean[2] + 0.25 * noise[2])


def test_velocity_and_clean_tokens_are_two_ways_to_say_the_same():
    clean, noise, levels = some(50, 4), some(50, 4, seed=1), torch.linspace(0.02, 1, 50)
    noisy = noised(clean, noise, levels)
    moving = velocity(noisy, clean, levels)
    assert torch.allclose(moving, noise - clean, atol=1e-4)
    assert torch.allclose(clean_from_velocity(noisy, moving, levels), clean, atol=1e-5)


def test_clean_tokens_do_not_move():
    clean = some(2, 4)
    assert not velocity(clean + 1, clean, torch.zeros(2)).any()
    assert torch.equal(clean_from_velocity(clean, some(2, 4, seed=1), torch.zeros(2)), clean)


def test_the_loss_is_the_velocitys_error():
    clean, noise, levels = some(9, 4), some(9, 4, seed=1), torch.linspace(0.1, 1, 9)
    noisy, predicted = noised(clean, noise, levels), some(9, 4, seed=2)
    error = velocity(noisy, predicted, levels) - (noise - clean)
    assert torch.allclose(velocity_loss(predicted, clean, levels), error.square().mean(), rtol=1e-4)


def test_given_tokens_do_not_count():
    clean, predicted, levels = some(6, 4), some(6, 4, seed=1), torch.tensor([0.0, 0.5, 0.9, 0.0, 0.2, 0.0])
    moving = levels > 0
    alone = velocity_loss(predicted[moving], clean[moving], levels[moving])
    assert torch.allclose(velocity_loss(predicted, clean, levels), alone)
    assert not velocity_loss(predicted, clean, torch.zeros(6)).any()


def test_errors_count_as_much_as_they_are_weighed():
    clean, predicted, levels = some(3, 4), some(3, 4, seed=1), torch.full((3,), 0.5)
    plain = velocity_loss(predicted, clean, levels)
    assert torch.allclose(velocity_loss(predicted, clean, levels, torch.full((3, 1), 2.0)), 2 * plain)
    second = velocity_loss(predicted, clean, levels, torch.tensor([0.0, 1.0, 0.0, 0.0]))
    assert torch.allclose(second, 4 * ((predicted - clean)[:, 1] ** 2).mean() / 4)


def test_the_weight_is_capped():
    clean, predicted = torch.zeros(1, 4), torch.ones(1, 4)
    for level, weight in ((1e-6, 400), (0.01, 400), (0.05, 400), (0.5, 4), (1, 1)):
        assert torch.allclose(velocity_loss(predicted, clean, torch.tensor([level])), torch.tensor(float(weight)))
