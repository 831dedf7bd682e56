"""Streaming equals the whole clip, for any split into chunks and bands of rows."""

import numpy as np
import pytest
import torch

from tests.autoencoder.codecs import CODECS
from tests.weights import randomise, zeroed
from worldreel.autoencoder import Autoencoder, decode_stream, encode_stream, streaming
from worldreel.autoencoder.layers import Memory

TOLERANCE = 1e-5
SPLITS = 5
"""Random splits for each codec and direction."""


@pytest.fixture(scope="module", params=CODECS)
def network(request):
    network = randomise(Autoencoder(CODECS[request.param]))
    assert not zeroed(network)
    return network


@pytest.fixture(scope="module")
def clip(network):
    """A video taller than a band and its halos, its latents and what they decode to."""
    side, time = network.config.compression.space, network.config.compression.time
    rows = 2 * streaming.halo(network.config, encoding=True) // side + 3
    video = torch.rand(1, 3, 1 + 3 * time, rows * side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode():
        latents = network.encode(video)
        decoded = network.decode(latents)
    for made in (latents, decoded):  # neither dead nor exploding: the tolerance means something
        assert 0.2 < float(made.std()) < 5
    return video, latents, decoded


def splits(rng, length):
    """Random positive lengths that add up to `length`."""
    cuts = np.flatnonzero(rng.random(length - 1) < rng.random()) + 1
    return np.diff([0, *cuts, length]).tolist()


@pytest.mark.parametrize("seed", range(SPLITS))
def test_any_split_encodes_alike(network, clip, seed):
    video, latents, _ = clip
    rng = np.random.default_rng(seed)
    band = None if seed == 0 else int(rng.integers(1, video.shape[3] + 1))
    streamed = torch.cat(list(encode_stream(network, video.split(splits(rng, video.shape[2]), dim=2), band)), dim=2)
    assert streamed.shape == latents.shape
    assert float((streamed - latents).abs().max()) <= TOLERANCE


@pytest.mark.parametrize("seed", range(SPLITS))
def test_any_split_decodes_alike(network, clip, seed):
    _, latents, decoded = clip
    rng = np.random.default_rng(seed)
    band = None if seed == 0 else int(rng.integers(1, latents.shape[3] + 1))
    streamed = torch.cat(list(decode_stream(network, latents.split(splits(rng, latents.shape[2]), dim=2), band)), dim=2)
    assert streamed.shape == decoded.shape
    assert float((streamed - decoded).abs().max()) <= TOLERANCE


def test_bands_without_halos_would_differ(network, clip, monkeypatch):
    """The tests above can fail."""
    video, latents, decoded = clip
    space = network.config.compression.space
    monkeypatch.setattr(streaming, "halo", lambda config, encoding: 0)
    encoded = torch.cat(list(encode_stream(network, [video], 2 * space)), dim=2)
    assert float((encoded - latents).abs().max()) > 100 * TOLERANCE
    made = torch.cat(list(decode_stream(network, [latents], 2)), dim=2)
    assert float((made - decoded).abs().max()) > 100 * TOLERANCE


@pytest.mark.parametrize("encoding", [True, False], ids=["encoding", "decoding"])
def test_the_halo_is_all_that_a_row_depends_on_and_no_more(network, encoding):
    """How far a row can see, read off the gradients' support."""
    config, double = network.config, randomise(Autoencoder(network.config)).double()
    halo, space = streaming.halo(config, encoding=encoding), config.compression.space
    rows = 2 * halo // (space if encoding else 1) + 3
    middle = rows // 2
    if encoding:
        x = torch.randn(1, 3, 1 + config.compression.time, rows * space, space, dtype=torch.float64, requires_grad=True)
        out, own = double.encoder.down(x)[:, :, :, middle], range(middle * space, (middle + 1) * space)
    else:
        x = torch.randn(1, config.widths[-1], 2, rows, 1, dtype=torch.float64, requires_grad=True)
        out, own = double.decoder.up(x)[:, :, :, middle * space : (middle + 1) * space], range(middle, middle + 1)
    (gradient,) = torch.autograd.grad(out.square().sum(), x)
    seen = gradient.abs().amax(dim=(0, 1, 2, 4)).nonzero().flatten()
    reach = max(own.start - int(seen[0]), int(seen[-1]) - (own.stop - 1))
    granularity = space if encoding else 1
    assert halo - granularity < reach <= halo


def test_an_image_is_a_clip_of_one_frame(network, clip):
    video, latents, decoded = clip
    with torch.inference_mode():
        image = network.encode(video[:, :, :1])
        picture = network.decode(latents[:, :, :1])
    assert float((image - latents[:, :, :1]).abs().max()) <= TOLERANCE
    assert float((picture - decoded[:, :, :1]).abs().max()) <= TOLERANCE


def test_the_future_changes_nothing_before_it(network, clip):
    space, stride = network.config.compression.space, network.config.compression.time
    video = clip[0][:, :, :, : 2 * space]
    with torch.inference_mode():
        latents = network.encode(video)
        decoded = network.decode(latents)
    for frame in range(1, video.shape[2], 3):
        changed = video.clone()
        changed[:, :, frame:] = changed[:, :, frame:].flip(3)
        first = 1 + (frame - 1) // stride
        with torch.inference_mode():
            encoded = network.encode(changed)
        assert torch.equal(encoded[:, :, :first], latents[:, :, :first])
        assert float((encoded - latents)[:, :, first].abs().max()) > 1e-3
    for frame in range(1, latents.shape[2]):
        changed = latents.clone()
        changed[:, :, frame:] += 1
        first = 1 + (frame - 1) * stride
        with torch.inference_mode():
            made = network.decode(changed)
        assert torch.equal(made[:, :, :first], decoded[:, :, :first])
        assert float((made - decoded)[:, :, first].abs().max()) > 1e-3


def test_streams_flow(network, clip):
    """A latent comes out as soon as its frames went in: nothing waits for the end of the clip."""
    video, latents, _ = clip
    taken = []

    def frames():
        for number, frame in enumerate(video.split(1, dim=2)):
            taken.append(number)
            yield frame

    for number, latent in enumerate(encode_stream(network, frames())):
        assert latent.shape[2] == 1
        assert len(taken) == 1 + number * network.config.compression.time
    pieces = [piece.shape[2] for piece in decode_stream(network, [latents])]
    assert pieces == [1] + [network.config.compression.time] * (latents.shape[2] - 1)


def test_a_batch_streams_as_its_clips_do(network):
    side, time = network.config.compression.space, network.config.compression.time
    video = torch.rand(3, 3, 1 + time, 2 * side, side, generator=torch.Generator().manual_seed(2)) * 2 - 1
    together = torch.cat(list(encode_stream(network, [video])), dim=2)
    for one, latents in zip(video.split(1), together.split(1), strict=True):
        with torch.inference_mode():
            assert float((network.encode(one) - latents).abs().max()) <= TOLERANCE


def test_left_over_frames_are_refused(network):
    side, time = network.config.compression.space, network.config.compression.time
    with pytest.raises(ValueError, match=r"k \+ 1 frames; 1 are left over"):
        list(encode_stream(network, [torch.zeros(1, 3, 2 + time, side, side)]))


def test_a_copy_of_a_memory_and_the_memory_go_on_by_themselves():
    layer, first, second, third = torch.nn.Identity(), *(torch.randn(1, 2, 2, 4, 4) for _ in range(3))
    with torch.inference_mode():
        memory = Memory()
        memory.keep(layer, first, 2)
        other = memory.copy()
        memory.keep(layer, second, 2)
        assert torch.equal(other.past(layer), first) and torch.equal(memory.past(layer), second)
        place = memory.past(layer).data_ptr()
        memory.keep(layer, third, 2)
        assert torch.equal(memory.past(layer), third) and memory.past(layer).data_ptr() == place  # renewed where it lies
        other.keep(layer, third, 2)
        assert torch.equal(other.past(layer), third)


def test_frames_that_a_gradient_needs_are_never_renewed_in_place():
    layer, first, second = torch.nn.Identity(), torch.randn(1, 2, 2, 4, 4), torch.randn(1, 2, 2, 4, 4)
    memory = Memory()
    memory.keep(layer, first, 2)
    kept = memory.past(layer)
    memory.keep(layer, second, 2)
    assert torch.equal(kept, first) and torch.equal(memory.past(layer), second)
