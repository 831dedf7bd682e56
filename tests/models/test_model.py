from fractions import Fraction

import pytest
import torch

from tests.conftest import TOKENIZER
from worldreel.autoencoder import Enlarger
from worldreel.checkpoints import load_tensors, save_tensors
from worldreel.devices import autocast
from worldreel.errors import UserError
from worldreel.models import Model, load_model, weights_of
from worldreel.models import bundle as bundle_room
from worldreel.models import model as model_room
from worldreel.models.lowered import Extra
from worldreel.models.model import beside_noise
from worldreel.patches import Grid, Overlap, Segment, pack, to_tokens
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


def test_kernels_blocks_and_the_table_are_stored_in_8_bits_other_matrices_in_bf16_and_small_vectors_in_neither(copied):
    for part in ("autoencoder", "text", "transformer"):
        for name, tensor in load_tensors(copied / f"{part}.safetensors").items():
            narrow = name == "table.rows" or (part == "autoencoder" and tensor.ndim > 2)
            narrow |= part == "transformer" and name.startswith("blocks.") and name.endswith("weight") and tensor.ndim == 2
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


def test_an_expert_is_a_part_of_its_model(pair, tmp_path):
    pair.model.save(tmp_path / "copy", TOKENIZER)
    again = Model.load(tmp_path / "copy")
    for one, other in zip(again.late.parameters(), pair.model.late.parameters(), strict=True):
        assert torch.equal(one, other)
    assert again.transformers == [again.transformer, again.late]
    assert weights_of(again.config, torch.float32).transformers == 2
    (tmp_path / "copy/late.safetensors").unlink()
    with pytest.raises(UserError, match=r"late\.safetensors"):
        Model.load(tmp_path / "copy")


def by_the_transformer(model, *asked):
    with autocast(model.device, model.dtype):
        return model.predicted(*asked)


def test_below_the_boundary_the_expert_takes_over(pair):
    """It sees overlapping tokens. Where some are given, all stays with the transformer."""
    torch.manual_seed(0)
    model, grid = pair.model, Grid(3, 2, 3, 1 / 3)
    layout, texts = pack([Segment((grid,), ((18, 0),)), Segment((grid,), ((18, 1),))]), model.read(["a dog", "a cat"])
    tokens, low, high = torch.randn(36, 16), torch.full((36,), 0.5), torch.full((36,), 0.7)
    made = model.denoise(tokens, low, layout, texts)
    overlap = Overlap.of(layout, 2)
    assert overlap.layout.segments == (45, 45) and [span.text for span in overlap.layout.spans] == [0, 1]
    inputs = torch.cat([overlap.spread(tokens), torch.zeros(90, 17)], dim=1)
    with autocast(model.device, model.dtype):
        said = model.late(inputs, overlap.highest(low), overlap.layout, texts)
    assert torch.allclose(made, overlap.gathered(said), atol=1e-5)
    assert torch.equal(model.denoise(tokens, high, layout, texts), by_the_transformer(model, tokens, high, layout, texts))
    assert not torch.allclose(by_the_transformer(model, tokens, low, layout, texts), made, atol=0.01)
    low[:6] = 0
    assert torch.equal(model.denoise(tokens, low, layout, texts), by_the_transformer(model, tokens, low, layout, texts))


def test_what_is_edited_stays_with_the_transformer(pair):
    """The expert learns to see it all the same."""
    torch.manual_seed(0)
    model, grid = pair.model, Grid(1, 2, 2, 1 / 3)
    layout, texts, levels = pack([Segment((grid,), ((4, 0),))]), model.read(["a dog"]), torch.full((4,), 0.5)
    tokens = torch.randn(4, 16)
    seen = [beside_noise(one, torch.ones(4)) for one in torch.randn(2, 4, 16)]
    made = model.denoise(tokens, levels, layout, texts, Extra(seen[0]))
    assert torch.equal(made, by_the_transformer(model, tokens, levels, layout, texts, None, seen[0]))
    one, other = (model.predicted_late(tokens, levels, layout, texts, None, source) for source in seen)
    assert not torch.allclose(one, other, atol=0.01)


def test_the_expert_reads_the_prompt_of_each_shot(pair):
    torch.manual_seed(0)
    model, grid = pair.model, Grid(2, 2, 2, 1 / 3)
    texts, tokens, levels = model.read(["a dog", "a cat"]), torch.randn(8, 16), torch.full((8,), 0.5)
    one, same, two = (pack([Segment((grid,), reading)]) for reading in (((8, 0),), ((4, 0), (4, 0)), ((4, 0), (4, 1))))
    assert {model.expert(levels, layout) for layout in (one, same, two)} == {"late"}
    told, twice, both = (model.denoise(tokens, levels, layout, texts) for layout in (one, same, two))
    assert torch.allclose(told, twice, atol=1e-5)
    assert not torch.allclose(told[4:], both[4:], atol=0.01)


def test_a_long_clip_stays_with_plain_tokens(pair, monkeypatch):
    model, grid = pair.model, Grid(3, 2, 3, 1 / 3)
    layout, texts = pack([Segment((grid,), ((18, 0),))]), model.read(["a dog"])
    tokens, levels = torch.randn(18, 16), torch.full((18,), 0.5)
    assert model.config.late_tokens(grid.shape) == 45
    monkeypatch.setattr(model_room, "LONGEST", 44)
    asked = tokens, levels, layout, texts
    assert torch.equal(model.denoise(*asked), by_the_transformer(model, *asked))
    assert model.config.late_tokens(grid.shape) == 18


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
