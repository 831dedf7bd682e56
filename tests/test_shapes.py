import pytest

from worldreel.errors import UserError
from worldreel.shapes import Compression, VideoShape, ceil_to, parse_size

CODEC = Compression(4, 8)


@pytest.mark.parametrize("frames", [1, 5, 25, 37])
def test_latents_and_videos_are_shapes_of_each_other(frames):
    video = VideoShape(frames, 64, 96)
    latent = CODEC.latent(video)
    assert latent == (1 + (frames - 1) // 4, 8, 12)
    assert CODEC.video(latent) == video


def test_padding_is_the_least_that_fits():
    for frames in range(1, 12):
        for side in range(1, 40):
            padded = CODEC.padded(VideoShape(frames, side, side + 1), multiple=2)
            assert (padded.frames - 1) % 4 == padded.height % 16 == padded.width % 16 == 0
            assert frames <= padded.frames < frames + 4
            assert side <= padded.height < side + 16
            assert side + 1 <= padded.width < side + 17
            assert CODEC.padded(padded, multiple=2) == padded


def test_pixels_are_counted_over_all_frames():
    assert VideoShape(3, 4, 5).pixels == 60


def test_ceil_to():
    assert [ceil_to(value, 4) for value in (0, 1, 4, 5)] == [0, 4, 4, 8]


@pytest.mark.parametrize(("text", "size"), [("128x96", (128, 96)), ("1X1", (1, 1)), ("100000x100000", (100_000, 100_000))])
def test_sizes_are_width_by_height(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    ["", "64", "x", "64x", "x64", "0x0", "0x5", "-1x8", "1.5x2", "128x128x3", "a x b", " 1x2", "1_0x2", "²x2", "9999999999x1"],
)
def test_other_sizes_are_refused_in_a_line(text):
    with pytest.raises(UserError) as error:
        parse_size(text)
    assert "--size" in str(error.value)
    assert repr(text) in str(error.value)
    assert "\n" not in str(error.value)
