import numpy as np
import pytest
import torch

from tests.media.making import moving
from worldreel.autoencoder import Autoencoder
from worldreel.errors import UserError
from worldreel.generation import Progress, compress, compression, decompress, read_header
from worldreel.media import Clip


@pytest.mark.parametrize(("frames", "height", "width", "fps"), [(1, 8, 8, 1), (2, 47, 63, 7), (9, 16, 24, 24), (12, 5, 3, 12)])
def test_size_length_and_rate_come_back(handle, frames, height, width, fps):
    clip = Clip.from_array(moving(frames, height, width), fps, {"prompt": "a dog"})
    back = decompress(handle.model, compress(handle.model, clip))
    assert back.array().shape == (frames, height, width, 3)
    assert (back.fps, back.frame_count, back.metadata) == (fps, frames, {"prompt": "a dog"})
    assert np.array_equal(back.array(), back.array())  # as often as one likes


def test_it_is_the_autoencoder_and_nothing_else(handle):
    """Streamed, perhaps in mixed precision, and stored in 16 bits: within a level of the whole clip in one pass."""
    network: Autoencoder = handle.model.autoencoder
    frames = moving(9, 16, 24)
    video = torch.from_numpy(frames).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
    with torch.inference_mode():
        whole = ((network.decode(network.encode(video))[0].clamp(-1, 1) + 1) * 127.5).round()
    streamed = decompress(handle.model, compress(handle.model, Clip.from_array(frames, 12))).array()
    assert np.abs(streamed - whole.permute(1, 2, 3, 0).numpy()).mean() < 1


def test_a_small_clip_continues_by_its_last_row_column_and_frame(handle):
    clip = moving(6, 13, 21)
    padded = np.pad(clip, ((0, 3), (0, 3), (0, 3), (0, 0)), mode="edge")
    small, whole = (compress(handle.model, Clip.from_array(frames, 12)).latents for frames in (clip, padded))
    assert torch.equal(small, whole)


def test_large_frames_go_in_bands_of_rows(handle, monkeypatch):
    clip = Clip.from_array(moving(5, 128, 64), 12)
    whole = compress(handle.model, clip)
    monkeypatch.setattr("worldreel.models.bundle.band_rows", lambda height, width: 8)
    assert (compress(handle.model, clip).latents - whole.latents).abs().max() < 1e-2
    banded = decompress(handle.model, whole).array().astype(int)
    monkeypatch.undo()
    assert np.abs(decompress(handle.model, whole).array() - banded).max() <= 1


def test_a_clip_of_unknown_length(handle):
    unknown = Clip.from_frames(lambda: iter(moving(6)), 64, 48, 12)
    assert compress(handle.model, unknown).header.frames == 6
    with pytest.raises(UserError, match="holds no frame"):
        compress(handle.model, Clip.from_frames(lambda: iter(()), 64, 48, 12))


def test_progress(handle):
    seen = []
    compressed = compress(handle.model, Clip.from_array(moving(2), 12), seen.append)
    assert seen == [Progress("encoding", 1, 2), Progress("encoding", 2, 2)]
    seen.clear()
    list(decompress(handle.model, compressed, seen.append))
    assert seen == [Progress("decoding", 1, 2), Progress("decoding", 2, 2)]


def test_streams_side_by_side(handle):
    one, two = (compress(handle.model, Clip.from_array(moving(9)[part], 12)) for part in (slice(0, 5), slice(4, 9)))
    alone = [decompress(handle.model, each).array() for each in (one, two)]
    pairs = zip(decompress(handle.model, one), decompress(handle.model, two), strict=True)
    for number, frames in enumerate(pairs):
        assert all(np.array_equal(frame, clip[number]) for frame, clip in zip(frames, alone, strict=True))


def _never():
    raise AssertionError("a clip that is too large must be refused before its frames are asked for")


@pytest.mark.parametrize(
    ("width", "height", "frames", "says"),
    [
        (4097, 2304, 5, "the clip is 4097x2304, above 9437184 pixels a frame"),
        (64, 64, 7201, "the clip has more than 7200 frames"),
        (4096, 2304, 7200, "of 4096x2304 has .* GB of latents; 1 GB is the most"),
    ],
)
def test_clips_that_are_too_large(handle, width, height, frames, says):
    with pytest.raises(UserError, match=says) as refusal:
        compress(handle.model, Clip.from_frames(_never, width, height, 12, frames))
    assert "\n" not in str(refusal.value)


def test_a_clip_that_hides_its_length(handle, monkeypatch):
    monkeypatch.setattr(compression, "LIMITS", compression.Limits(frames=3))
    with pytest.raises(UserError, match="more than 3 frames"):
        compress(handle.model, Clip.from_frames(lambda: iter(moving(4)), 64, 48, 12))


def test_a_file_says_what_it_holds(handle, tmp_path):
    path = compress(handle.model, Clip.from_array(moving(2), 12)).save(tmp_path / "x.safetensors")
    header = read_header(path)
    assert (header.model, header.width, header.height, header.frames, header.fps) == ("small", 64, 48, 2, "12")
    with pytest.raises(UserError, match="exists already"):
        compress(handle.model, Clip.from_array(moving(2), 12)).save(path)


def test_a_file_too_large_to_be_ours(handle, tmp_path):
    with (tmp_path / "x.safetensors").open("wb") as file:
        file.truncate(2**31)  # holds no bytes on disk
    with pytest.raises(UserError, match="larger than latents are written"):
        decompress(handle.model, tmp_path / "x.safetensors")


def test_refined_latents_give_a_clip_back_better(handle):
    frames = moving(9, 32, 32)
    errors = []
    for steps in (0, 30):
        made = decompress(handle.model, compress(handle.model, Clip.from_array(frames, 12), refine=steps)).array()
        errors.append(np.square(made.astype(float) - frames).mean())
    assert errors[1] < errors[0]


@pytest.mark.parametrize(("frames", "steps", "says"), [((2, 32, 32), -1, "--refine -1"), ((1, 500, 500), 5, "500x500")])
def test_what_cannot_be_refined_is_refused(handle, frames, steps, says):
    with pytest.raises(UserError, match=says):
        compress(handle.model, Clip.from_array(moving(*frames), 12), refine=steps)
