import numpy as np
import pytest
import torch

from tests.training.small import CANVASES, transformer_run
from tests.weights import randomise
from worldreel.checkpoints import save_tensors
from worldreel.errors import UserError
from worldreel.models import Model
from worldreel.patches import Grid
from worldreel.training.filling import Example, Filling, build_model, draw_wanted


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return transformer_run(tmp_path_factory.mktemp("filling")).task


@pytest.fixture(scope="module")
def task(config):
    task = Filling(config, torch.device("cpu"))
    randomise(task.model.transformer)
    task.network.requires_grad_(True)
    task.pool.refresh(0)
    return task


def test_a_step_is_drawn_from_its_number(task):
    losses = [float(task.loss(0).total.detach()) for _ in range(2)]
    assert losses[0] == losses[1]


def test_every_weight_learns_but_the_autoencoder(task):
    for step in range(3):
        task.loss(step).total.backward()
    silent = {name for name, parameter in task.network.named_parameters() if parameter.grad is None or not parameter.grad.any()}
    assert silent == {"text.blocks.0.qkv.weight", "text.blocks.0.widen.weight"} | {
        name for name in silent if name.startswith("text.blocks.0.norm")
    }  # blocks of the text encoder begin as the identity
    assert not any(parameter.requires_grad for parameter in task.model.autoencoder.parameters())
    trained = {
        id(parameter) for optimizer in task.optimizers() for group in optimizer.param_groups for parameter in group["params"]
    }
    assert trained == {id(parameter) for parameter in task.network.parameters()}


def test_packs_are_full_and_some_clips_are_given(task):
    given, clips, empty = 0, 0, 0
    for step in range(60):
        examples = task._draw(np.random.default_rng(step), task.pool, task.menus)
        assert sum(len(one.clean) for one in examples) >= task.config.tokens
        for one in examples:
            tokens, cells = sum(run.tokens for run in one.runs), one.runs[0].height * one.runs[0].width
            assert one.clean.shape == (tokens, task.config.model.token_channels)
            frames = one.wanted.view(-1, cells)
            assert bool((frames.all(dim=1) | ~frames.any(dim=1)).all())  # whole frames
            assert bool(one.wanted.any())
            moving = len(one.runs) == 1 and one.runs[0].frames > 1
            given, clips = given + (moving and not bool(one.wanted.all())), clips + moving
            empty += (one.prompts[0][1] == "") / len(examples)
    assert given / clips == pytest.approx(task.config.given, abs=0.1)
    assert empty / 60 == pytest.approx(task.config.drop_text, abs=0.05)


def test_neighbours_in_a_pack_become_two_shots_of_a_storyboard(config):
    task = Filling(config.model_copy(update={"boards": 1.0, "given": 0.5}), torch.device("cpu"))
    task.pool.refresh(0)
    boards, given = 0, 0
    for step in range(30):
        for one in task._draw(np.random.default_rng(step), task.pool, task.menus):
            assert (
                sum(count for count, _ in one.prompts) == len(one.clean) == len(one.wanted) == sum(run.tokens for run in one.runs)
            )
            if len(one.prompts) == 1:
                continue
            first, second = one.runs
            assert second.start == pytest.approx((first.frames - 1) * first.seconds)
            assert bool(one.wanted[first.tokens :].all())
            assert bool(one.wanted[: first.tokens].all()) or not bool(one.wanted[: first.tokens].any())
            boards, given = boards + 1, given + (not bool(one.wanted[0]))
    assert boards > 20 and given / boards == pytest.approx(0.5, abs=0.2)
    assert bool(task.loss(0).total.isfinite())


def test_what_is_given_of_one_run_comes_first():
    rng = np.random.default_rng(0)
    drawn = [draw_wanted([5], 0.5, rng) for _ in range(400)]
    counts = np.bincount([int((~one).sum()) for one in drawn], minlength=5) / 400
    assert counts[0] == pytest.approx(0.5, abs=0.07)
    assert counts[1] == pytest.approx(0.25 + 0.0625, abs=0.06)
    assert counts[2:].min() > 0.02
    assert all(bool((one[1:] >= one[:-1]).all()) for one in drawn)
    assert bool(draw_wanted([1], 1.0, rng).all())


def test_what_is_given_of_two_runs():
    """The second (suffix), both ends, or the second's beginning (middle); of the first run at least one frame is to be made."""
    rng = np.random.default_rng(1)
    kinds = {"suffix": 0, "both ends": 0, "middle": 0}
    for _ in range(300):
        wanted = draw_wanted([3, 4], 0.0, rng)
        first, second = wanted[:3].tolist(), wanted[3:].tolist()
        assert first[-1] and not second[0]
        assert first == sorted(first) and second == sorted(second)
        kinds["both ends" if not first[0] else "middle" if second[-1] else "suffix"] += 1
    assert kinds["both ends"] == pytest.approx(100, abs=30)
    assert kinds["middle"] == pytest.approx(75, abs=30)  # or the whole second run, by chance


def test_given_tokens_are_clean_half_of_the_time_else_a_little_noisy(task):
    rng, noise = np.random.default_rng(0), torch.Generator().manual_seed(0)
    drawn = (one for step in range(80) for one in task._draw(np.random.default_rng(step), task.pool, task.menus))
    examples = [one for one in drawn if not one.wanted.all()]
    clean = 0
    for one in examples:
        levels = task._levels(one, rng, noise)
        given, wanted = levels[~one.wanted], levels[one.wanted]
        assert given.unique().numel() == wanted.unique().numel() == 1
        assert 0 <= float(given[0]) <= task.config.given_noise
        assert 0 < float(wanted[0]) < 1
        clean += float(given[0]) == 0
    assert clean / len(examples) == pytest.approx(0.5, abs=0.1)


def test_graded_levels_rise_and_fall_from_frame_to_frame(config):
    task = Filling(config.model_copy(update={"given": 0.0, "graded": 1.0}), torch.device("cpu"))
    task.pool.refresh(2)
    rng, noise, frames = np.random.default_rng(0), torch.Generator().manual_seed(0), 0
    for step in range(40):
        for one in task._draw(np.random.default_rng(step), task.pool, task.menus):
            levels = task._levels(one, rng, noise)
            if not one.is_shot:
                continue
            by_frame = levels.view(one.runs[0].frames, -1)
            assert bool((by_frame == by_frame[:, :1]).all())
            steps = by_frame[:, 0].diff()
            peak = int(by_frame[:, 0].argmax())
            assert bool((steps[:peak] >= 0).all()) and bool((steps[peak:] <= 0).all())
            assert float(levels.min()) >= 0 and float(levels.max()) < 1
            frames += int(by_frame[:, 0].unique().numel() > 1)
    assert frames > 10


def levels_of(config, **shares):
    """The levels of many clips and stills of which nothing is given."""
    task = Filling(config.model_copy(update={"given": 0.0, **shares}), torch.device("cpu"))
    task.pool.refresh(2)
    rng, noise = np.random.default_rng(0), torch.Generator().manual_seed(0)
    drawn = [one for step in range(60) for one in task._draw(np.random.default_rng(step), task.pool, task.menus)]
    return np.array([float(task._levels(one, rng, noise)[one.wanted][0]) for one in drawn])


def test_early_levels_are_where_the_way_is_settled(config):
    early = levels_of(config, early=1.0)
    assert early.min() >= 0.8 and early.max() > 0.95
    assert np.mean(levels_of(config, early=0.5) >= 0.8) > np.mean(levels_of(config, early=0.0) >= 0.8) + 0.2


def test_fine_levels_are_drawn_without_a_shift(config, monkeypatch):
    monkeypatch.setattr("worldreel.training.filling.length_shift", lambda tokens: 8.0)
    assert np.median(levels_of(config, early=0.0)) > 0.8
    assert np.median(levels_of(config, early=0.0, fine=1.0)) == pytest.approx(0.5, abs=0.08)


def test_drills_show_one_thing_at_the_highest_levels(config, monkeypatch):
    drill = config.pool.model_copy(update={"canvases": (CANVASES[2],), "start": 4, "refresh": 0})
    task = Filling(config.model_copy(update={"drill": drill, "drill_every": 3}), torch.device("cpu"))
    lowest: list[float] = []

    def noised(clean, noise, levels):
        lowest.append(float(levels.min()))
        return clean

    monkeypatch.setattr("worldreel.training.filling.noised", noised)
    clips = [task.loss(step).parts["clips"] for step in range(6)]
    tokens = task.drill.tokens[0]
    assert clips[0] == clips[3] == -(-task.config.tokens // tokens)  # stills of one canvas only
    assert min(lowest[0], lowest[3]) >= 0.95 and min(lowest) < 0.9


def editing(config, **changes):
    """A task of a network that sees sources, with scenes of which most were edited."""
    pool = config.pool.model_copy(update={"edited": 1.0, "start": 12, "size": 12, "refresh": 0})
    transformer = config.model.transformer.model_copy(update={"channels": 33, "outputs": 16})
    model = config.model.model_copy(update={"transformer": transformer})
    task = Filling(config.model_copy(update={"pool": pool, "model": model, **changes}), torch.device("cpu"))
    task.pool.refresh(0)
    return task


def test_an_edit_shows_what_was_there_and_says_all_of_what_is_wanted(config):
    task = editing(config, drop_text=1.0, given=1.0)
    rng, chance, over, beside = np.random.default_rng(0), torch.Generator().manual_seed(0), 0, 0
    for step in range(20):
        for one in task._draw(np.random.default_rng(step), task.pool, task.menus):
            assert one.sources.shape == (len(one.clean), 17)
            if one.source is None:
                assert one.prompts[0][1] == "" and not one.sources.any()
                continue
            assert torch.equal(one.sources[:, :-1], one.source) and bool((one.sources[:, -1] == 1).all())
            assert not torch.equal(one.source, one.clean) and bool(one.wanted.all()) and not one.is_shot
            if one.over_source:
                levels = task._levels(one, rng, chance)
                assert one.prompts[0][1] and torch.equal(one.under_noise, one.source)
                assert 0.85 <= float(levels.min()) == float(levels.max()) <= 0.985
            else:
                assert torch.equal(one.under_noise, one.clean)
            over, beside = over + one.over_source, beside + (not one.over_source)
    assert over > 10 and beside > 10


def test_an_edit_leads_from_its_source_to_what_is_wanted(config, monkeypatch):
    task, seen = editing(config), list[torch.Tensor]()
    monkeypatch.setattr("worldreel.training.filling.noised", lambda clean, noise, levels: seen.append(clean) or clean)
    monkeypatch.setattr(
        "worldreel.training.filling.velocity_loss", lambda predicted, clean, levels, _: seen.append(clean) or clean.sum()
    )
    with torch.no_grad():
        task.loss(0)
    assert seen[0].shape == seen[1].shape and not torch.equal(*seen)


def test_of_what_is_shown_as_it_is_nothing_changes(config):
    task = editing(config, same=1.0, pool=config.pool)
    shown = [one for step in range(20) for one in task._draw(np.random.default_rng(step), task.pool, task.menus)]
    assert all((one.source is one.clean) == (len(one.runs) == 1) for one in shown)
    assert any(one.source is None for one in shown) and any(one.source is not None for one in shown)


def test_the_network_learns_from_what_it_is_shown(config):
    task = editing(config)
    randomise(task.model.transformer).requires_grad_(True)
    for step in range(2):
        task.loss(step).total.backward()
    gradient = task.model.transformer.tokens.weight.grad
    assert gradient is not None and bool(gradient[:, 16:].any(dim=0).all())


def test_a_text_encoder_that_stands_still_learns_nothing(config):
    task = Filling(config.model_copy(update={"still_text": True}), torch.device("cpu"))
    trained = {
        id(parameter) for optimizer in task.optimizers() for group in optimizer.param_groups for parameter in group["params"]
    }
    assert trained == {id(parameter) for parameter in task.model.transformer.parameters()}
    task.pool.refresh(0)
    task.loss(0).total.backward()
    assert all(parameter.grad is None for parameter in task.model.text.parameters())


@pytest.fixture(scope="module")
def expert(config):
    model = config.model.model_copy(update={"boundary": 0.7})
    return config.model_copy(update={"model": model, "late": True})


def test_an_expert_learns_alone_at_low_levels(expert):
    task = Filling(expert, torch.device("cpu"))
    randomise(task.model.late).requires_grad_(True)
    task.pool.refresh(0)
    assert set(task.network) == {"late"}
    drawn = [task._draw(np.random.default_rng(step), task.pool, task.menus)[0] for step in range(40)]
    rng, chance = np.random.default_rng(0), torch.Generator().manual_seed(0)
    levels = torch.cat([task._levels(one, rng, chance)[one.wanted] for one in drawn])
    assert 0 < float(levels.min()) < 0.1 and 0.6 < float(levels.max()) < 0.75
    for step in range(3):
        task.loss(step).total.backward()
    assert all(bool(parameter.grad.any()) for parameter in task.model.late.parameters())
    assert all(parameter.grad is None for name in ("text", "transformer") for parameter in getattr(task.model, name).parameters())


def test_an_expert_begins_as_the_transformer_and_goes_on_as_itself(config, expert, tmp_path):
    single = build_model(config)
    randomise(single.transformer, seed=2)
    began = build_model(expert.model_copy(update={"start": saved(single, config, tmp_path / "single")}))
    one, other = (network.state_dict() for network in (began.late, began.transformer))
    assert all(torch.equal(one[name], other[name]) for name in one)
    randomise(began.late, seed=3)
    folder = saved(began, config, tmp_path / "both")
    later = build_model(expert.model_copy(update={"start": folder}))
    assert torch.allclose(later.late.head.weight, began.late.head.weight, rtol=0.01)
    kept = {"late": False, "expert": folder / "late.safetensors"}
    assert torch.equal(build_model(expert.model_copy(update=kept)).late.head.weight, later.late.head.weight)
    without = build_model(expert.model_copy(update={"late": False}))
    assert without.late is None and without.config.boundary == 0


def test_previews_are_made_with_the_expert_that_learns(expert, tmp_path):
    task = Filling(expert, torch.device("cpu"))
    task.preview(task.network, tmp_path, 12)
    before = (tmp_path / "step-00000012.png").read_bytes()
    randomise(task.model.late)
    task.preview(task.network, tmp_path, 12)
    assert (tmp_path / "step-00000012.png").read_bytes() != before


def test_a_drill_goes_down_to_its_lowest_level(config):
    task = Filling(config.model_copy(update={"drill_least": 0.7}), torch.device("cpu"))
    task.pool.refresh(0)
    rng, chance = np.random.default_rng(0), torch.Generator().manual_seed(0)
    (one, *_) = task._draw(np.random.default_rng(3), task.pool, task.menus)
    drawn = [float(task._drilled(one, rng, chance)[one.wanted][0]) for _ in range(200)]
    assert 0.7 <= min(drawn) < 0.75 and 0.99 < max(drawn) <= 0.998


def test_the_model_it_leaves_is_the_averaged_one(task, tmp_path):
    other = Filling(task.config, task.device)
    randomise(other.network, seed=3)
    task.export(other.network, tmp_path / "model")
    model = Model.load(tmp_path / "model")
    assert torch.equal(model.transformer.head.weight, other.model.transformer.head.weight.bfloat16().float())
    assert torch.equal(model.autoencoder.latent_mean, task.model.autoencoder.latent_mean)
    assert task.model.transformer is task.network["transformer"]  # and goes on with its own


def test_previews_are_pictures(task, tmp_path):
    task.preview(task.network, tmp_path, 12)
    assert (tmp_path / "step-00000012.png").stat().st_size > 500


def test_it_is_built_on_what_is_given(config, tmp_path):
    model = build_model(config)
    assert float(model.text.table.whole().square().mean()) == pytest.approx(1, abs=0.01)
    foreign = tmp_path / "autoencoder.safetensors"
    save_tensors(foreign, {"other": torch.zeros(1)})
    with pytest.raises(UserError, match="belong to another model"):
        build_model(config.model_copy(update={"autoencoder": foreign}))
    with pytest.raises(UserError, match="holds no table"):
        build_model(config.model_copy(update={"table": foreign}))


def test_a_deeper_model_goes_on_from_what_a_shallow_one_learned(config, tmp_path):
    shallow = Model.load(saved(build_model(config), config, tmp_path / "model"))
    deeper = config.model.transformer.model_copy(update={"blocks": 4})
    model = config.model.model_copy(update={"transformer": deeper})
    deep = build_model(config.model_copy(update={"model": model, "start": tmp_path / "model"}))
    for number, source in enumerate([0, 0, 1, 1]):
        learned = shallow.transformer.blocks[source].attention.q.weight
        assert torch.equal(deep.transformer.blocks[number].attention.q.weight, learned)
        assert bool(deep.transformer.blocks[number].mlp[2].weight.any()) == (number in (0, 2))
    with pytest.raises(UserError, match="another model"):
        build_model(config.model_copy(update={"start": saved(deep, config, tmp_path / "deep")}))


def saved(model, config, folder):
    model.save(folder, config.tokenizer)
    return folder


def test_frames_beside_given_ones_and_channels_count_as_much_as_they_are_weighed(config):
    run = Grid(frames=5, height=1, width=2, seconds=0.3)
    wanted = torch.tensor([False, True, True, True, False]).repeat_interleave(2)
    clip = Example(torch.zeros(10, 16), (run,), wanted, ())
    assert clip.beside_given.tolist() == torch.tensor([False, True, False, True, False]).repeat_interleave(2).tolist()
    weighed = config.model_copy(update={"beside": 3.0, "channels": (1.0, 2.0, 1.0, 1.0)})
    weights = Filling(weighed, torch.device("cpu"))._weights([clip])
    assert weights.shape == (10, 16) and torch.equal(weights[0], torch.tensor([1.0, 2.0, 1.0, 1.0]).repeat(4))
    assert torch.equal(weights[2], 3 * weights[0]) and torch.equal(weights[4], weights[0])
