import pytest
import torch

from worldreel.checkpoints import save_tensors
from worldreel.errors import UserError
from worldreel.evaluation.judging import measure_judge, rendered
from worldreel.worlds import witness as witness_module
from worldreel.worlds.scenes import Canvas
from worldreel.worlds.witness import ANSWERS, FRAMES, SIDE, Witness, draw_batch, train


@pytest.fixture(scope="module")
def witness():
    return Witness.load()


def test_it_reads_real_renders(witness):
    measured = measure_judge(witness, None, range(60), Canvas(128, 128, 13))
    assert set(measured) == {"subject", "background", "direction", "position"}
    assert all(rate.value >= 0.95 for rate in measured.values()), measured


def test_it_takes_any_shape_and_length(witness):
    for canvas in (Canvas(160, 96, 2), Canvas(64, 112, 1), Canvas(96, 96, 40)):
        for asked, frames in rendered([1, 2], canvas=canvas):
            verdict = witness.see(frames)
            assert verdict.refused is None
            assert verdict.count == 1
            assert verdict.subjects == (asked.subject,)


def test_a_batch_is_the_same_by_seed_and_its_answers_are_all_known():
    clips, answers = draw_batch((0, 1), 3, witness_module.load_sprites())
    again, _ = draw_batch((0, 1), 3, witness_module.load_sprites())
    assert clips.shape == (3, FRAMES, 3, SIDE, SIDE)
    assert torch.equal(clips, again)
    assert {name: int(values.max()) < len(ANSWERS[name]) for name, values in answers.items()} == dict.fromkeys(ANSWERS, True)


def test_training_depends_on_the_seed_alone():
    one, same, other = (train(seed, steps=3, batch=4).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_foreign_or_missing_weights_are_one_line(tmp_path, monkeypatch):
    foreign = tmp_path / "foreign.safetensors"
    save_tensors(foreign, {"weight": torch.zeros(2)})
    with pytest.raises(UserError, match="another model"):
        Witness.load(foreign)
    monkeypatch.setenv("WORLDREEL_ASSETS", str(tmp_path))
    with pytest.raises(UserError, match=r"witness\.safetensors"):
        Witness.load()
