from fractions import Fraction

import pytest
import torch

from tests.conftest import TOKENIZER
from worldreel.autoencoder import Enlarger
from worldreel.checkpoints import load_tensors, save_tensors
from worldreel.errors import UserError
from worldreel.models import Model, load_model
from worldreel.models import bundle as bundle_room
from worldreel.patches import Segment, pack, to_tokens
from worldreel.shapes import VideoShape

FILES = ["autoencoder.safetensors", "model.json", "text.safetensors", "tokenizer.json", "transformer.safetensors"]


@pytest.fixture(scope="module")
def model(model_folder):
    return Model.load(model_folder)


@pytest.fixture
def copied(model, tmp_path):
    model.save(tmp_path / "copy", TOKENIZER)
    return tmp_path / "copy"


def test_models_are_saved_and_loaded(model, copied):
    again = Model.load(copied)
    assert again.config == model.config
    for (name, one), (_, other) in zip(model.state_dict().items(), again.state_dict().items(), strict=True):
        assert torch.equal(one, other), name
    assert not any(parameter.requires_grad for parameter in again.parameters())
    assert sorted(path.name for path in copied.iterdir()) == FILES


def test_matrices_are_stored_in_bf16_kernels_and_the_table_in_8_bits_and_small_vectors_are_not(copied):
    for part in ("autoencoder", "text", "transformer"):
        for name, tensor in load_tensors(copied / f"{part}.safetensors").items():
            narrow = name == "table.rows" or (part == "autoencoder" and tensor.ndim > 2)
            wide = torch.bfloat16 if tensor.ndim > 1 or name.endswith("weight.scale") else torch.float32
            assert tensor.dtype == (torch.int8 if narrow else wide), name


def test_words_that_it_was_never_told_are_read_as_what_they_mean(model):
    tiny = load_model("tiny")
    assert tiny.renamed("a Hound with a puppy") == {"hound": "dog"}
    assert torch.equal(tiny.read(["a Hound with a puppy"])[0], tiny.read(["a dog with a puppy"])[0])
    assert not torch.equal(tiny.read(["a puppy"])[0], tiny.read(["a dog"])[0])
    # Of this one it is not known what it was told.
    assert model.renamed("a hound") == {} and not torch.equal(model.read(["a hound"])[0], model.read(["a dog"])[0])


def test_subjects_with_colours_of_their_own_are_given_no_others(model):
    tiny = load_model("tiny")
    assert tiny.left_out("a red car on a blue background") == {"red": "who it shows has colours of its own"}
    plain, coloured = tiny.read(["a car on a blue background", "a red car on a blue background"])
    assert torch.equal(plain, coloured)
    assert model.left_out("a red car") == {}


def test_words_that_mean_nothing_to_it_are_not_read(model):
    tiny = load_model("tiny")
    assert tiny.left_out("a bee heads straight down") == {"straight": "means nothing to it"}
    assert torch.equal(*tiny.read(["a bee heads straight down", "a bee heads down"]))
    assert model.left_out("a bee heads straight down") == {}  # of this one it is not known what it was told


def test_kinds_of_what_it_knows_are_read_as_that(model):
    tiny = load_model("tiny")
    assert tiny.renamed("a Greyhound, a hound and a poodle on a cyan wall") == {
        "greyhound": "dog",
        "hound": "dog",
        "poodle": "dog",
        "cyan": "teal",
    }
    assert model.renamed("a greyhound") == {}


def test_an_enlarger_is_a_part_of_its_model(editor, tmp_path):
    editor.model.save(tmp_path / "copy", TOKENIZER)
    again = Model.load(tmp_path / "copy")
    latents = torch.randn(1, 4, 2, 4, 4)
    assert torch.equal(again.enlarger(latents), editor.model.enlarger(latents))
    assert again.config.enlarges and sum(isinstance(part, Enlarger) for part in again.config.others()) == 1
    (tmp_path / "copy/enlarger.safetensors").unlink()
    with pytest.raises(UserError, match=r"enlarger\.safetensors"):
        Model.load(tmp_path / "copy")


@pytest.mark.parametrize("name", FILES)
def test_incomplete_folders_are_refused(copied, name):
    (copied / name).unlink()
    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        Model.load(copied)


def test_swapped_parts_are_refused(copied):
    tensors = load_tensors(copied / "autoencoder.safetensors")
    save_tensors(copied / "transformer.safetensors", tensors)
    with pytest.raises(UserError, match="these weights belong to another model"):
        Model.load(copied)


def test_videos_are_padded_to_whole_tokens(model):
    assert model.config.padded(VideoShape(6, 33, 1)) == (9, 48, 16)


def test_both_halves_of_guidance_equal_each_alone(model):
    """Packed equals one by one, in whatever this device computes in."""
    grid = model.config.grid(VideoShape(5, 32, 32), Fraction(12))
    alone, together = (pack([Segment((grid,), ((grid.tokens, n),)) for n in range(count)]) for count in (1, 2))
    texts = model.read(["a dog walks to the left", ""])
    tokens = torch.randn(grid.tokens, 16, generator=torch.Generator().manual_seed(0))
    levels = torch.full((len(tokens),), 0.5)
    both = model.denoise(tokens.repeat(2, 1), levels.repeat(2), together, texts).chunk(2)
    for half, text in zip(both, texts, strict=True):
        single = model.denoise(tokens, levels, alone, [text])
        assert single.dtype == torch.float32
        assert float((half - single).abs().max()) < 0.05 * float(single.std())
    assert float((both[0] - both[1]).abs().max()) > 1e-3


def test_decoding_streams_in_bands_to_the_same_pixels(model, monkeypatch):
    monkeypatch.setattr(bundle_room, "compute_dtype", lambda device: torch.float32)
    grid = model.config.grid(VideoShape(9, 64, 32), Fraction(12))
    latents = torch.randn(4, 3, 8, 4, generator=torch.Generator().manual_seed(0))
    tokens = to_tokens(latents, model.config.patch)
    with torch.inference_mode():
        whole = model.autoencoder.decode(latents[None])
    for band in (None, 1, 3):
        monkeypatch.setattr(bundle_room, "band_rows", lambda height, width, band=band: band)
        seen = []
        pieces = list(model.decode(tokens, grid, seen.append))
        assert [piece.shape[2] for piece in pieces] == [1, 4, 4]
        assert seen == [1, 2, 3]
        assert float((torch.cat(pieces, dim=2) - whole).abs().max()) <= 1e-5


def test_large_frames_are_decoded_in_bands():
    assert bundle_room.band_rows(64, 64) is None
    assert bundle_room.band_rows(135, 240) == 17
    assert bundle_room.band_rows(9, 100_000) == 8


def test_words_it_knows_are_single(model_folder):
    knows = Model.load(model_folder).config.knows.model_copy(update={"directions": ("to the left",)})
    assert knows.words == ["blue", "cat", "dog", "left", "the", "to"]


def test_weights_may_predict_velocities(model, copied):
    """The same outputs, taken for those: x_0 = x_t - t v."""
    other = Model.load(copied)
    other.config = other.config.model_copy(update={"predicts": "velocity"})
    grid = model.config.grid(VideoShape(5, 32, 32), Fraction(12))
    tokens, levels = torch.randn(grid.tokens, model.config.token_channels), torch.full((grid.tokens,), 0.3)
    levels[:4] = 0.0  # given: they stay as they are
    layout = pack([Segment((grid,), ((grid.tokens, 0),))])
    with torch.inference_mode():
        texts = model.read(["a dog"])
        clean, moved = (one.denoise(tokens, levels, layout, texts) for one in (model, other))
    assert torch.allclose(moved, tokens - levels[:, None] * clean.float(), atol=1e-6)
    assert torch.equal(moved[:4], tokens[:4])
