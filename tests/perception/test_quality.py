import numpy as np
import pytest
import torch

from worldreel.perception.quality import CEILING, psnr, ssim


def pair(seed=0, frames=2, height=19, width=23):
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 256, (frames, height, width, 3)).astype(np.uint8)
    b = np.clip(a + rng.normal(0, 25, a.shape), 0, 255).astype(np.uint8)
    return a, b


def as_video(frames):
    return torch.from_numpy(frames).permute(3, 0, 1, 2)[None].float() / 127.5 - 1


def ssim_by_hand(a, b):
    """Wang et al. 2004, equation 13, one window at a time."""
    weights = np.exp(-((np.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
    weights = np.outer(weights, weights) / weights.sum() ** 2
    c1, c2, values = (0.01 * 255) ** 2, (0.03 * 255) ** 2, []
    for frame in range(len(a)):
        for channel in range(3):
            for top in range(a.shape[1] - 10):
                for left in range(a.shape[2] - 10):
                    x = a[frame, top : top + 11, left : left + 11, channel].astype(float)
                    y = b[frame, top : top + 11, left : left + 11, channel].astype(float)
                    mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
                    variance_x, variance_y = (weights * (x - mean_x) ** 2).sum(), (weights * (y - mean_y) ** 2).sum()
                    covariance = (weights * (x - mean_x) * (y - mean_y)).sum()
                    top_part = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
                    values.append(top_part / ((mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)))
    return float(np.mean(values))


def test_psnr_of_a_known_error():
    a = np.full((1, 4, 4, 3), 100, np.uint8)
    assert psnr(a, a + np.uint8(1)) == pytest.approx(20 * np.log10(255))
    assert psnr(a, a + np.uint8(51)) == pytest.approx(20 * np.log10(5))
    assert psnr(np.zeros_like(a), np.full_like(a, 255)) == pytest.approx(0)


def test_psnr_against_numpy():
    a, b = pair()
    expected = 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))
    assert psnr(a, b) == pytest.approx(expected, abs=1e-9)


def test_media_and_video_tensors_give_the_same():
    a, b = pair()
    assert psnr(as_video(a), as_video(b)) == pytest.approx(psnr(a, b), abs=1e-5)
    assert ssim(as_video(a), as_video(b)) == pytest.approx(ssim(a, b), abs=1e-6)


def test_equal_pictures_reach_the_ceiling():
    a, _ = pair()
    assert psnr(a, a) == CEILING
    assert ssim(a, a) == pytest.approx(1, abs=1e-12)


def test_a_mask_counts_only_what_it_shows():
    a, b = pair()
    mask = np.zeros((2, 19, 23, 1), np.float32)
    mask[1, 3:9, 5:20] = 1
    assert psnr(a, b, mask) == pytest.approx(psnr(a[1:, 3:9, 5:20], b[1:, 3:9, 5:20]), abs=1e-6)
    video_mask = torch.from_numpy(mask).permute(3, 0, 1, 2)[None]
    assert psnr(as_video(a), as_video(b), video_mask) == pytest.approx(psnr(a, b, mask), abs=1e-5)
    assert psnr(a, b, np.ones_like(mask)) == pytest.approx(psnr(a, b), abs=1e-6)


def test_a_mask_weights():
    a = np.zeros((1, 1, 2, 3), np.uint8)
    b = np.array([[[[10, 10, 10], [20, 20, 20]]]], np.uint8)
    mask = np.array([[[[1.0], [0.5]]]], np.float32)
    assert psnr(a, b, mask) == pytest.approx(10 * np.log10(255**2 / ((100 + 0.5 * 400) / 1.5)))
    with pytest.raises(ValueError, match="no pixel"):
        psnr(a, b, np.zeros_like(mask))


def test_ssim_against_numpy():
    a, b = pair(1, 2, 15, 14)
    assert ssim(a, b) == pytest.approx(ssim_by_hand(a, b), abs=1e-9)


def test_ssim_sees_a_difference_in_structure():
    a, _ = pair()
    brighter = np.clip(a.astype(int) + 10, 0, 255).astype(np.uint8)
    assert ssim(a, a[:, ::-1].copy()) < 0.3 < ssim(a, brighter) < 1


def test_wrong_input_is_refused():
    a, _ = pair()
    with pytest.raises(ValueError, match="uint8"):
        psnr(a.astype(float), a.astype(float))
    with pytest.raises(ValueError, match="11 pixels"):
        ssim(a[:, :8], a[:, :8])
