"""What a user can get wrong with a repository is one line that names the file and the way out."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from worldreel.errors import UserError
from worldreel.models import find_model, load_config, load_model


@pytest.fixture
def copied(repository, tmp_path):
    return shutil.copytree(repository("2.1 text")[1], tmp_path / "Wan")


def refused(folder, *words, act=load_model):
    with pytest.raises(UserError) as error:
        act(str(folder))
    message = str(error.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def change(folder, name, changed):
    """One tensor of the file that holds it. Gives that file."""
    for path in sorted(folder.glob("*.safetensors")):
        tensors = load_file(path)
        if name in tensors:
            tensors[name] = changed(tensors[name])
            save_file(tensors, path, {"format": "pt"})
            return path
    raise AssertionError(name)


def test_a_repository_is_a_model(copied):
    assert find_model(str(copied)) == copied
    config = load_config(str(copied))
    assert config.name == "Wan"
    assert (config.defaults.width, config.defaults.height, config.defaults.steps, config.defaults.guidance) == (832, 480, 50, 5)
    assert round(config.defaults.seconds * config.defaults.fps) == 81
    assert (config.levels, config.descent.shift, config.knows.canvases) == ("sample", 3.0, ("text",))


def test_files_that_are_older_than_some_settings(copied):
    """As those of 2.1 were first published."""
    absent = {
        "vae": ("is_residual", "decoder_base_dim", "patch_size", "in_channels", "out_channels", "scale_factor_spatial"),
        "transformer": ("image_dim", "added_kv_proj_dim", "pos_embed_seq_len", "freq_dim"),
    }
    for part, names in absent.items():
        path = copied / part / "config.json"
        kept = {key: value for key, value in json.loads(path.read_text()).items() if key not in names}
        path.write_text(json.dumps(kept))
    index = json.loads((copied / "model_index.json").read_text())
    for name in ("transformer_2", "boundary_ratio", "expand_timesteps"):
        del index[name]
    (copied / "model_index.json").write_text(json.dumps(index))
    assert load_model(str(copied)).config.levels == "sample"


def test_a_folder_that_is_no_model(tmp_path):
    refused(tmp_path, "holds no model.json and no model_index.json")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"_class_name": "FluxPipeline"}', ("is of a FluxPipeline", "WanPipeline")),
        ("{}", ("is of a None",)),
        ("[]", ("holds no configuration", "fetch the repository again")),
        ("{", ("cannot be read", "fetch the repository again")),
    ],
)
def test_a_repository_that_is_not_wan(copied, content, words):
    (copied / "model_index.json").write_text(content)
    for act in (load_config, load_model):
        refused(copied, "model_index.json", *words, act=act)


@pytest.mark.parametrize("part", ["transformer", "vae", "text_encoder", "tokenizer", "scheduler"])
def test_a_missing_part(copied, part):
    shutil.rmtree(copied / part)
    refused(copied, str(copied / part), "is missing", "fetch the repository again")


@pytest.mark.parametrize(
    "file",
    [
        "transformer/config.json",
        "vae/config.json",
        "text_encoder/config.json",
        "text_encoder/model.safetensors",
        "scheduler/scheduler_config.json",
    ],
)
def test_a_missing_file(copied, file):
    (copied / file).unlink()
    refused(copied, str(copied / file), "is missing", "fetch")


def test_a_missing_shard(copied):
    for part in ("vae", "transformer"):
        shard = sorted((copied / part).glob("*.safetensors"))[-1]
        kept = shard.rename(shard.with_suffix(".kept"))
        refused(copied, str(shard), "is missing", "diffusion_pytorch_model.safetensors.index.json", "fetch the weights again")
        kept.rename(shard)


@pytest.mark.parametrize("content", ["{", "[]", '{"weight_map": 3}', '{"weight_map": {"a": "../../secret.safetensors"}}'])
def test_a_list_of_shards_that_is_none(copied, content):
    index = copied / "transformer" / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(content)
    refused(copied, str(index.parent), "fetch the weights again")


def test_a_shard_that_is_cut_short(copied):
    shard = sorted((copied / "transformer").glob("*.safetensors"))[0]
    shard.write_bytes(shard.read_bytes()[:-100])
    refused(copied, str(shard), "is not a whole safetensors file")


def test_a_tokenizer_that_is_none(copied):
    (copied / "tokenizer" / "tokenizer.json").write_text("{}")
    refused(copied, "tokenizer.json is not a tokenizer")


def test_a_shape_that_differs(copied):
    path = change(copied / "transformer", "blocks.1.attn1.to_q.weight", lambda one: one[:-1])
    refused(copied, str(path), "blocks.1.attention.q.weight", "(47, 48), not (48, 48)", "another model")


@pytest.mark.parametrize(("part", "name"), [("transformer", "blocks.0.ffn.net.2.weight"), ("vae", "decoder.conv_in.weight")])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_not_finite(copied, part, name, value):
    path = change(copied / part, name, lambda one: one.index_fill(0, torch.tensor([0]), value))
    refused(copied, str(path), "not finite", "fetch")


def test_a_text_encoder_that_is_damaged_is_found_when_it_reads(copied):
    path = change(copied / "text_encoder", "encoder.final_layer_norm.weight", lambda one: one * torch.nan)
    model = load_model(str(copied))
    with pytest.raises(UserError, match="not finite") as error:
        model.read(["a dog"])
    assert str(path) in str(error.value)


def test_a_tensor_too_few(copied):
    shards = sorted((copied / "transformer").glob("*.safetensors"))
    tensors = load_file(shards[0])
    name = sorted(tensors)[0]
    save_file({key: tensor for key, tensor in tensors.items() if key != name}, shards[0])
    refused(copied, str(copied / "transformer"), "lacks", "another model, or are not whole")


def test_a_tensor_too_many(copied):
    shard = sorted((copied / "transformer").glob("*.safetensors"))[0]
    save_file({**load_file(shard), "blocks.0.strange": torch.zeros(1)}, shard)
    refused(copied, str(shard), "'blocks.0.strange', which no Wan that we know has")


@pytest.mark.parametrize(
    ("file", "changes", "words"),
    [
        ("transformer/config.json", {"patch_size": [1, 4, 4]}, ("patch_size is [1, 4, 4]",)),
        ("transformer/config.json", {"num_layers": "many"}, ("no Wan that we know",)),
        ("transformer/config.json", {"out_channels": 16}, ("transformer/ predicts 64 values",)),
        ("vae/config.json", {"attn_scales": [1.0]}, ("attn_scales",)),
        ("scheduler/scheduler_config.json", {"_class_name": "DDIMScheduler"}, ("scheduler_config.json", "DDIMScheduler")),
    ],
)
def test_configurations_that_are_no_wan(copied, file, changes, words):
    edit(copied / file, **changes)
    for act in (load_config, load_model):
        refused(copied, *words, act=act)


def test_experts_of_different_shapes(repository, tmp_path):
    folder = shutil.copytree(repository("2.2 A14B text")[1], tmp_path / "Wan")
    edit(folder / "transformer_2" / "config.json", num_layers=1)
    refused(folder, str(folder / "transformer_2" / "config.json"), "differs")
