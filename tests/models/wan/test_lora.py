"""LoRA files of each style change Wan as they change it in diffusers, which adds them with peft; and as the formula says."""

import copy
import json

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file

from worldreel.errors import UserError
from worldreel.models import load_model
from worldreel.patches import Grid, Segment, pack, to_tokens

RANK, ALPHA, STRENGTH = 3, 2.0, 0.7
SHAPES = {
    **{f"{kind}_attn.{part}": (48, 48) for kind in ("self", "cross") for part in "qkvo"},
    "ffn.0": (64, 48),
    "ffn.2": (48, 64),
}
DIFFUSERS = {
    "self_attn.": "attn1.to_",
    "cross_attn.": "attn2.to_",
    "ffn.0": "ffn.net.0.proj",
    "ffn.2": "ffn.net.2",
    "to_o": "to_out.0",
}
TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "net.0.proj", "net.2"]
OURS = {"self_attn.": "attention.", "cross_attn.": "cross.", "ffn.": "mlp.", ".o": ".out"}


def layers(blocks=2, seed=0):
    """(block, name) -> down, up."""
    generator = torch.Generator().manual_seed(seed)
    return {
        (block, name): (torch.randn(RANK, ins, generator=generator) / 7, torch.randn(outs, RANK, generator=generator) / 2)
        for block in range(blocks)
        for name, (outs, ins) in SHAPES.items()
    }


def renamed(name, table):
    for theirs, ours in table.items():
        name = name.replace(theirs, ours)
    return name


def original(prefix="diffusion_model.", down="lora_down", up="lora_up"):
    tensors = {}
    for (block, name), (a, b) in layers().items():
        key = f"{prefix}blocks.{block}.{name}"
        tensors |= {f"{key}.{down}.weight": a, f"{key}.{up}.weight": b, f"{key}.alpha": torch.tensor(ALPHA)}
        tensors[f"{key}.diff_b"] = torch.linspace(-1, 1, len(b))  # in diffusers, all layers have one or none has
    tensors["diffusion_model.blocks.0.self_attn.norm_q.diff"] = torch.zeros(48)
    return tensors


def musubi():
    tensors = {}
    for (block, name), (a, b) in layers().items():
        key = f"lora_unet_blocks_{block}_{name.replace('.', '_')}"
        tensors |= {f"{key}.lora_down.weight": a, f"{key}.lora_up.weight": b, f"{key}.alpha": torch.tensor(ALPHA)}
    return tensors


def theirs_own(prefix="transformer."):
    tensors = {}
    for (block, name), (a, b) in layers().items():
        key = f"{prefix}blocks.{block}.{renamed(name, DIFFUSERS)}"
        tensors |= {f"{key}.lora_A.weight": a, f"{key}.lora_B.weight": b}
    return tensors


STYLES = {
    "diffusers": (theirs_own(), None),
    "diffusers, with its alpha": (theirs_own(), {"r": RANK, "lora_alpha": ALPHA, "target_modules": TARGETS}),
    "Wan's own": (original(), None),
    "Wan's own, as peft names matrices": (original(down="lora_A", up="lora_B"), None),
    "musubi-tuner's": (musubi(), None),
}


@pytest.fixture(params=STYLES)
def lora(request, tmp_path):
    tensors, told = STYLES[request.param]
    metadata = {"format": "pt"}
    if told is not None:
        metadata["lora_adapter_metadata"] = json.dumps({f"transformer.{key}": value for key, value in told.items()})
    save_file(tensors, tmp_path / "style.safetensors", metadata)
    return tmp_path / "style.safetensors"


def predicted(model, latents, text, network=None):
    grid = Grid(3, 2, 3, seconds=1 / 24)
    layout = pack([Segment((grid,), ((grid.tokens, 0),))])
    with torch.inference_mode():
        return (network or model.transformer)(to_tokens(latents[0], 2), torch.full((18,), 0.6), layout, [text[0]])


def inputs():
    generator = torch.Generator().manual_seed(4)
    return torch.randn(1, 4, 3, 4, 6, generator=generator), torch.randn(1, 512, 16, generator=generator)


def error(ours, theirs):
    return float((ours - theirs).norm() / theirs.norm())


@pytest.mark.parametrize("merged", [True, False])
def test_the_same_as_in_diffusers(repository, lora, merged):
    pipe, folder = repository("2.1 text")
    latents, text = inputs()
    model = load_model(str(folder))
    before = predicted(model, latents, text)
    model.adapt(lora, STRENGTH, merged=merged)
    after = predicted(model, latents, text)
    assert error(after, before) > 0.01
    adapted = diffusers.WanPipeline(**{**pipe.components, "transformer": copy.deepcopy(pipe.transformer)})
    adapted.load_lora_weights(str(lora), adapter_name="style")
    adapted.set_adapters("style", STRENGTH)
    with torch.inference_mode():
        wanted = adapted.transformer(latents, torch.tensor([600.0]), text).sample
    assert error(after, to_tokens(wanted[0], 2)) <= 1e-5
    assert model.adaptations == ("style.safetensors 0.7",)


def test_weights_are_those_of_the_formula(repository, tmp_path):
    """W + strength x alpha / r x B A; beside the weights, they stay as they were, and a second LoRA adds to the first."""
    save_file(original(), tmp_path / "style.safetensors")
    _, folder = repository("2.1 text")
    plain, merged, beside = (load_model(str(folder)) for _ in range(3))
    for strength in (STRENGTH, 0.2):
        merged.adapt(tmp_path / "style.safetensors", strength)
        beside.adapt(tmp_path / "style.safetensors", strength, merged=False)
    for (block, name), (a, b) in layers().items():
        layer = f"blocks.{block}.{renamed(name, OURS)}"
        weights = [model.transformer.get_submodule(layer).weight for model in (plain, merged, beside)]
        wanted = weights[0] + (STRENGTH + 0.2) * ALPHA / RANK * b @ a
        assert torch.allclose(weights[1], wanted, atol=1e-6)
        assert torch.equal(weights[2], weights[0])
    latents, text = inputs()
    assert error(predicted(beside, latents, text), predicted(merged, latents, text)) <= 1e-5


def test_layers_outside_of_blocks(repository, tmp_path):
    """The image attention of 2.1 among them, by all their names."""
    _, folder = repository("2.1 image")
    names = {
        "text_embedding.0": ("text.0", 48, 16),
        "time_embedding.2": ("time.2", 48, 48),
        "time_projection.1": ("modulation", 288, 48),
        "img_emb.proj.1": ("image.1", 12, 12),
        "head.head": ("head", 16, 48),
        "blocks.1.cross_attn.k_img": ("blocks.1.cross.image_k", 48, 48),
    }
    generator = torch.Generator().manual_seed(0)
    tensors, products = {}, {}
    for theirs, (ours, outs, ins) in names.items():
        a, b = torch.randn(2, ins, generator=generator), torch.randn(outs, 2, generator=generator)
        tensors |= {f"diffusion_model.{theirs}.lora_A.weight": a, f"diffusion_model.{theirs}.lora_B.weight": b}
        products[ours] = b @ a
    save_file(tensors, tmp_path / "style.safetensors")
    plain, changed = load_model(str(folder)), load_model(str(folder))
    changed.adapt(tmp_path / "style.safetensors")
    for name, product in products.items():
        before, after = (model.transformer.get_submodule(name).weight for model in (plain, changed))
        assert torch.allclose(after, before + product, atol=1e-5)


@pytest.mark.parametrize(
    ("prefix", "expert", "changes"),
    [
        ("diffusion_model.", None, (True, True)),
        ("diffusion_model.", "late", (False, True)),
        ("transformer_2.", None, (False, True)),
    ],
)
def test_one_of_two_experts(repository, tmp_path, prefix, expert, changes):
    save_file(theirs_own(prefix), tmp_path / "style.safetensors")
    _, folder = repository("2.2 A14B text")
    plain, changed = load_model(str(folder)), load_model(str(folder))
    changed.adapt(tmp_path / "style.safetensors", expert=expert)
    latents, text = inputs()
    found = []
    for one, other in ((plain.transformer, changed.transformer), (plain.late, changed.late)):
        found.append(error(predicted(changed, latents, text, other), predicted(plain, latents, text, one)) > 0.01)
    assert tuple(found) == changes


def wrong_shape(tensors):
    return {key: tensor[:, :-1] if key.endswith("ffn.2.lora_down.weight") else tensor for key, tensor in tensors.items()}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (wrong_shape, "what it adds to 'blocks.0.mlp.2' is (48, 3) and (3, 63)"),
        (lambda one: {key.replace("blocks.1", "blocks.7"): value for key, value in one.items()}, "which this model has not"),
        (lambda one: {key: value for key, value in one.items() if "lora_up" not in key}, "does not fit"),
        (lambda one: {key: value * torch.nan for key, value in one.items()}, "not finite"),
        (lambda one: {"unet.down_blocks.0.to_q.lora_A.weight": torch.ones(3, 48)}, "no layer of a Wan"),
        (lambda one: {"model.embed.weight": torch.ones(3)}, "no LoRA of a Wan"),
        (lambda one: {**one, "diffusion_model.blocks.0.norm3.diff": torch.ones(48)}, "no LoRA of a Wan"),
        (lambda one: {"transformer_2." + key.split(".", 1)[1]: value for key, value in one.items()}, "holds nothing for"),
        (lambda one: {}, "holds no tensors"),
    ],
)
def test_a_lora_for_another_model_changes_nothing(repository, tmp_path, changed, says):
    path = tmp_path / "style.safetensors"
    tensors = {key: value.contiguous() for key, value in changed(original()).items()}
    save_file(tensors, path)
    model = load_model(str(repository("2.1 text")[1]))
    before = {name: value.clone() for name, value in model.transformer.state_dict().items()}
    with pytest.raises(UserError) as error:
        model.adapt(path)
    assert says in str(error.value) and str(path) in str(error.value) and "\n" not in str(error.value)
    assert all(torch.equal(value, before[name]) for name, value in model.transformer.state_dict().items())
    assert model.adaptations == ()


def test_files_that_are_no_lora(repository, tmp_path, handle):
    path = tmp_path / "style.safetensors"
    model = load_model(str(repository("2.1 text")[1]))
    with pytest.raises(UserError, match="is not a whole safetensors file"):
        model.adapt(path)
    save_file(theirs_own(), path, {"lora_adapter_metadata": json.dumps({"transformer.use_dora": True})})
    with pytest.raises(UserError, match="a LoRA with use_dora, which is not read here; give a plain one"):
        model.adapt(path)
    save_file(load_file(path), path)
    with pytest.raises(UserError, match="has one transformer for all levels; leave the expert out"):
        model.adapt(path, expert="late")
    with pytest.raises(UserError, match="small takes no LoRA"):
        handle.adapt(path)


def test_a_clip_says_what_was_added(repository, tmp_path):
    import worldreel

    save_file(theirs_own(), tmp_path / "style.safetensors")
    model = worldreel.load(str(repository("2.1 text")[1]), "cpu")
    model.adapt(tmp_path / "style.safetensors", 0.5)
    assert model.generate("a dog", size="32x32", frames=1, steps=1, seed=1).metadata["lora"] == "style.safetensors 0.5"
