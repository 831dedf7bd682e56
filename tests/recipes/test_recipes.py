import pytest
import torch

from worldreel.recipes import RECIPES
from worldreel.training.filling import Filling
from worldreel.training.runs import Run, TransformerRun
from worldreel.worlds.casts import cast


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_whole_and_survives_its_file(name):
    run = RECIPES[name]()
    assert type(run).model_validate_json(run.model_dump_json()) == run
    assert isinstance(run, Run)


def test_the_small_transformer_knows_the_whole_cast_and_its_package_is_told_so():
    run = RECIPES["small-transformer"]()
    assert isinstance(run, TransformerRun)
    assert run.task.model.knows.subjects == cast(run.task.pool.sprites.cast).names
    assert run.task.drill is not None and run.task.drill.sprites.cast == run.task.pool.sprites.cast
    assert {"grows", "turns", "flies"} <= set(run.task.model.knows.verbs)


@pytest.mark.parametrize("name", ["tiny-transformer", "small-transformer"])
def test_a_rehearsal_takes_a_step(name):
    run = RECIPES[name]()
    assert isinstance(run, TransformerRun)
    width = {"width": 24, "heads": 2, "mlp_width": 32, "blocks": 1}
    model = run.task.model.model_copy(update={"transformer": run.task.model.transformer.model_copy(update=width)})
    canvases = [canvas for canvas in run.task.pool.canvases if canvas.width * canvas.height * canvas.frames <= 64 * 64 * 61]
    # The pack in the repository holds the two dozen only.
    sprites = run.task.pool.sprites.model_copy(update={"cast": "two dozen"})
    few = {"canvases": tuple(canvases), "sprites": sprites, "start": 6, "refresh": 1}
    pool = run.task.pool.model_copy(update=few)
    assert run.task.drill is not None
    drills = run.task.drill.sprites.model_copy(update={"cast": "two dozen"})
    drill = run.task.drill.model_copy(update={"sprites": drills, "start": 6})
    changes = {"model": model, "expert": None, "pool": pool, "drill": drill, "tokens": 400, "menus": 2, "compiled": False}
    task = Filling(run.task.model_copy(update=changes), torch.device("cpu"))
    for step in range(2):
        loss = task.loss(step).total
        loss.backward()
        assert loss.isfinite()
    assert all(parameter.grad is not None for parameter in task.network.parameters() if parameter.requires_grad)
