import numpy as np
import pytest
import torch

from worldreel.generation import Progress, Settings, carry_out, generate, plan
from worldreel.generation import predictor as predictor_room
from worldreel.generation.composing import metadata


def made(handle, **values):
    return generate(handle.model, "generate", "a dog", settings=Settings(seed=3), **values)


@pytest.mark.parametrize(
    ("width", "height", "frames", "fps"), [(127, 95, 2, 12), (33, 17, 25, 7), (16, 64, 26, 24), (1, 1, 1, 12)]
)
def test_exactly_what_was_asked_for(handle, width, height, frames, fps):
    clip = made(handle, size=f"{width}x{height}", frames=frames, fps=fps)
    assert clip.array().shape == (frames, height, width, 3)
    assert clip.fps == fps


def test_a_smaller_request_is_cut_from_what_the_network_makes(handle):
    """33x17 is made at 48x32 and 6 frames as 9: rows, columns and frames at the end are dropped."""
    whole = made(handle, size="48x32", frames=9).array()
    assert np.array_equal(made(handle, size="33x17", frames=6).array(), whole[:6, :17, :33])


def test_a_small_frame_is_a_larger_one_shrunk(handle):
    """Where the model knows one of the same shape."""
    knows = handle.model.config.knows
    config = handle.model.config.model_copy(update={"knows": knows.model_copy(update={"sizes": ("48x32",)})})
    whole = made(handle, size="48x32", frames=5)
    small = carry_out(handle.model, plan(config, "generate", "a dog", settings=Settings(seed=3), size="36x24", frames=5))
    assert np.array_equal(small.array(), whole.resized(36, 24).array())
    assert small.metadata["size"] == "36x24"


def test_one_step_at_a_time_is_told(handle):
    seen = []
    carry_out(handle.model, plan(handle.model.config, "generate", "a dog", settings=Settings(steps=3), frames=9), seen.append)
    denoising = [Progress("denoising", number, 3) for number in (1, 2, 3)]
    assert seen == denoising + [Progress("decoding", number, 3) for number in (1, 2, 3)]


def test_both_ways_of_guidance_agree(handle, monkeypatch):
    """Halves in one pack, and in turn, as long clips run."""
    together = made(handle).array().astype(int)
    monkeypatch.setattr(predictor_room, "TOGETHER", 0)
    assert np.abs(made(handle).array() - together).mean() < 1


def test_metadata_hold_the_whole_plan(handle):
    settled = plan(handle.model.config, "generate", "a dog", settings=Settings(negative="a cat", seed=3))
    notes = metadata(settled, handle.model)
    for name in ("mode", "prompt", "negative", "seed", "steps", "solver", "frames"):
        assert notes[name] == str(getattr(settled, name))
    assert "parents" not in notes
    assert notes["torch"] == torch.__version__ and notes["ai_generated"] == "true"
