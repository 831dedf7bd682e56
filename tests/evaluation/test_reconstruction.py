import numpy as np
import pytest
import torch

from worldreel.data.film import StripInfo, write_strip
from worldreel.evaluation import reconstruction
from worldreel.evaluation.reconstruction import (
    Sample,
    as_video,
    eighth,
    measure,
    shown,
    stretches,
    strip_samples,
    summarise,
    through,
)
from worldreel.perception.quality import psnr
from worldreel.worlds.scenes import Canvas

SMALL = (Canvas(48, 32, 5), Canvas(32, 32, 1))


@pytest.fixture
def strips(tmp_path):
    rng = np.random.default_rng(0)
    for name, frames in (("film", 23), ("natural-one", 9), ("natural-two", 3)):
        made = (rng.integers(0, 256, (36, 40, 3)).astype(np.uint8) for _ in range(frames))
        write_strip(tmp_path / f"{name}.npy", made, StripInfo(source=name, sha256="0", fps="24", frames=0))
    return tmp_path


@pytest.fixture
def small(monkeypatch):
    original = reconstruction.world_samples
    monkeypatch.setattr(reconstruction, "world_samples", lambda count: original(count, SMALL))


def test_stretches_hold_every_frame():
    assert stretches(34, 17) == [0, 17]
    assert stretches(40, 17) == [0, 17, 23]
    assert stretches(5, 17) == [0]


def test_strips_become_samples_of_whole_stretches(strips):
    samples = list(strip_samples(strips, 9))
    assert [sample.groups for sample in samples] == [("film",)] * 3 + [("natural", "natural-one"), ("natural", "natural-two")]
    assert [sample.video.shape[2] for sample in samples] == [9, 9, 9, 9, 3]
    assert all(float(sample.video.min()) >= -1 and float(sample.video.max()) <= 1 for sample in samples)


def test_a_codec_that_keeps_everything_reaches_the_ceiling(strips, small):
    results = measure(lambda video: video, strips, scenes=2, frames=9)
    assert results["world_psnr"].value == results["subject_psnr"].value == results["film_psnr"].value == 100
    assert results["film_ssim"].value == pytest.approx(1)
    assert results["natural_lpips"].value == pytest.approx(0, abs=1e-9)
    assert [results[f"{group}_psnr"].n for group in ("world", "film", "natural", "natural-one")] == [4, 3, 2, 1]
    assert [results[name].goal for name in ("world_psnr", "subject_psnr", "film_psnr", "natural_psnr")] == [30, 27, 26, None]
    assert all(result.ok for result in results.values() if result.goal)
    assert all(result.peer is not None and result.peer < 60 for name, result in results.items() if name.endswith("psnr"))


def test_a_codec_that_loses_everything_fails(small):
    results = measure(lambda video: torch.zeros_like(video), scenes=2)
    assert set(results) == {"world_psnr", "world_ssim", "world_lpips", "subject_psnr"}
    assert results["world_psnr"].ok is False
    assert results["subject_psnr"].ok is False
    peer = results["world_psnr"].peer
    assert peer is not None and results["world_psnr"].value < peer


def test_crowds_are_compared_where_that_is_asked_for(strips, small):
    """By features that are known: the mean colour, which a codec may shift by a known amount."""

    def colour(video):
        return video.mean((1, 2, 3)) * 127.5

    results = measure(lambda video: (video * 0.5).round(decimals=2) + 16 / 127.5, strips, scenes=3, frames=9, recognise=colour)
    assert {name: results[name].n for name in results if name.endswith("rfvd")} == {
        "world_rfvd": 3,
        "film_rfvd": 3,
        "natural_rfvd": 2,
    }
    kept = measure(lambda video: video, strips, scenes=3, frames=9, recognise=colour)
    assert kept["film_rfvd"].value == pytest.approx(0, abs=1e-6) and results["film_rfvd"].value > 100
    assert kept["film_rfvd"].peer is not None and 0 < kept["film_rfvd"].peer < results["film_rfvd"].value
    assert not any(name.endswith("rfvd") for name in measure(lambda video: video, scenes=1))


def test_the_subjects_figure_looks_only_at_the_subjects():
    video, cover = torch.zeros(1, 3, 1, 32, 32), torch.zeros(1, 1, 1, 32, 32)
    cover[..., 8:24, 8:24] = 0.8

    def codec(given):
        answer = given.clone()
        answer[..., 8:24, 8:24] += 0.2
        return answer

    results = summarise(codec, [Sample(("world",), video, cover)])
    assert results["subject_psnr"].value == pytest.approx(20.0, abs=0.2)
    assert results["world_psnr"].value == pytest.approx(20.0 + 10 * np.log10(4), abs=0.2)


def test_any_size_goes_through_the_codec():
    seen = []

    def codec(video):
        seen.append(tuple(video.shape))
        return video

    video = torch.rand(1, 3, 3, 35, 50)
    assert torch.equal(through(codec, video), video)
    assert seen == [(1, 3, 5, 48, 64)]


def test_what_is_shown_has_256_values():
    video = shown(torch.linspace(-1.5, 1.5, 3000).reshape(1, 3, 1, 20, 50))
    assert len(video.unique()) == 256
    frames = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    assert torch.allclose(shown(as_video(frames)), as_video(frames), atol=1e-6)


def test_the_trivial_answer_keeps_a_smooth_picture_and_loses_detail():
    ramp = torch.linspace(-1, 1, 64).expand(1, 3, 2, 40, 64)
    noise = torch.rand(1, 3, 2, 40, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert eighth(ramp).shape == ramp.shape
    assert psnr(ramp, eighth(ramp)) > 35
    assert psnr(noise, eighth(noise)) < 12
