import numpy as np
import pytest
import torch

from tests.training.small import SCHEDULE, transformer_run
from tests.weights import randomise
from worldreel.recipes.tiny import sprites_knowledge
from worldreel.training.loop import Trainer
from worldreel.training.wording import Wording, WordingConfig
from worldreel.worlds.paraphrases import withheld_words


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    task = transformer_run(tmp_path_factory.mktemp("wording")).task
    return WordingConfig(**{**task.model_dump(), "muon_rate": 1e-2, "adamw_rate": 1e-2})


def made(config, reworded):
    sprites = config.pool.sprites.model_copy(update={"reworded": reworded})
    pool = config.pool.model_copy(update={"sprites": sprites})
    task = Wording(config.model_copy(update={"pool": pool}), torch.device("cpu"))
    task.dtype = torch.float32  # with and without a gradient, other kernels may run, which round otherwise
    randomise(task.model.transformer)
    randomise(task.model.text)
    task.model.text.requires_grad_(True)
    task.taught.load_state_dict(task.model.text.state_dict())
    return task


def test_the_same_words_leave_nothing_to_learn(config):
    same, other = (float(made(config, share).loss(0).total.detach()) for share in (0.0, 1.0))
    assert same < 1e-6 * other


def test_the_text_encoder_alone_learns(config):
    task = made(config, 1.0)
    task.loss(0).total.backward()
    learning = {name for name, parameter in task.network.named_parameters() if parameter.grad is not None}
    assert learning
    assert all(name.startswith("text.") for name in learning)
    assert not any(parameter.requires_grad for parameter in task.taught.parameters())
    trained = [parameter for optimizer in task.optimizers() for group in optimizer.param_groups for parameter in group["params"]]
    assert {id(parameter) for parameter in trained} == {id(parameter) for parameter in task.model.text.parameters()}


def test_other_words_come_to_say_what_captions_do(config, tmp_path):
    """On steps that none of those it was taught on shares its words with."""
    task = made(config, 1.0)

    def unseen() -> float:
        with torch.no_grad():
            return float(np.mean([float(task.loss(step).total) for step in range(1000, 1010)]))

    before = unseen()
    frozen = {name: tensor.clone() for name, tensor in task.model.transformer.state_dict().items()}
    Trainer(task, SCHEDULE.model_copy(update={"steps": 40}), tmp_path / "run").train()
    assert unseen() < 0.8 * before
    assert all(torch.equal(tensor, frozen[name]) for name, tensor in task.model.transformer.state_dict().items())


def test_what_stands_between_is_nothing_that_was_taught_or_withheld(config):
    known = Wording(
        config.model_copy(update={"model": config.model.model_copy(update={"knows": sprites_knowledge()})}), torch.device("cpu")
    )
    assert len(known.fillers) > 5000
    assert not set(known.fillers) & {"dog", "dogs", "red", "left", "ghostly", "up", "kitty", "sapphire"}
    assert not set(known.fillers) & withheld_words()
