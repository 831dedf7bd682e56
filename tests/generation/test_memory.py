"""What lies where, what it takes, and what is said when it does not fit."""

import re
from fractions import Fraction

import pytest
import torch

from tests.counting import Counting
from tests.media.making import moving
from worldreel.autoencoder import AutoencoderConfig
from worldreel.devices import overhead, parse_memory
from worldreel.errors import UserError
from worldreel.generation import Device, Settings, carry_out, placement, plan
from worldreel.generation.filling import denoised
from worldreel.generation.memory import Work, enough, least, need, out_of_memory, place, works
from worldreel.media import Clip
from worldreel.models import BundleConfig, Knows, load_config, weights_of
from worldreel.models.lowering import lower
from worldreel.shapes import VideoShape
from worldreel.transformer import TransformerConfig

CUDA, CPU = Device("cuda", torch.bfloat16), Device("cpu", torch.float32)
GB = 2**30


class Large(BundleConfig):
    def stored(self, name, axes, dtype):
        return dtype if axes > 1 else torch.float32


@pytest.fixture(scope="module")
def large():
    """In the shapes of Wan 2.1 14B: no weights are made of it."""
    codec = AutoencoderConfig(
        latent_channels=16,
        widths=(96, 192, 384, 384),
        strides=((1, 2), (2, 2), (2, 2)),
        encoder_blocks=(2,) * 4,
        decoder_blocks=(3,) * 4,
        middle=True,
        upsample_halves=True,
        shortcuts=False,
        straight=False,
    )
    transformer = TransformerConfig(
        channels=64, text_width=4096, width=5120, blocks=40, heads=40, mlp_width=13824, place_frequencies=0, summary=False
    )
    return Large(
        name="large",
        autoencoder=codec,
        transformer=transformer,
        levels="sample",
        many_runs=False,
        knows=Knows(summary=""),
        reader_weights=5_680_910_336,
    )


def work(width=832, height=480, frames=81):
    return Work(VideoShape(frames, height, width), Fraction(16))


@pytest.mark.parametrize("fraction", [0.3, 0.5, 0.8])
def test_as_many_blocks_stay_as_fit(large, fraction):
    weights, wanted = weights_of(large, CUDA.dtype), need(large, work(), CUDA)
    memory = int(least(weights, wanted, CUDA) + fraction * weights.blocks * weights.block)
    placed = place(large, [work()], CUDA, memory)
    assert 0 < placed.resident < placed.blocks == 40
    assert memory - weights.block < placed.peak <= memory
    stay = f"40 blocks: {placed.resident} stay on the device, {40 - placed.resident} are brought in as they run; about "
    assert str(placed).startswith(stay) and str(placed).endswith(" GB")


def test_all_stay_where_there_is_room(large):
    placed = place(large, [work()], CUDA, 200 * GB)
    assert str(placed).startswith("40 blocks: all stay on the device; about ")
    everything = weights_of(large, CUDA.dtype).all
    assert everything < placed.peak < everything + 10 * GB


def test_the_largest_canvas_decides(large):
    memory = 20 * GB
    alone, among = (place(large, wanted, CUDA, memory) for wanted in ([work()], [work(64, 64, 1), work(), work(128, 64, 5)]))
    assert alone == among
    assert place(large, [work(64, 64, 1)], CUDA, memory).resident > alone.resident


def test_what_is_named_would_fit(large):
    with pytest.raises(UserError, match=r"^--memory 4\.0 GB: 832x480 with 81 frames takes at least") as refusal:
        place(large, [work()], CUDA, 4 * GB)
    said = str(refusal.value)
    assert "\n" not in said and said.endswith(" would do")
    width, height = map(int, re.search(r"--size (\d+)x(\d+)", said).groups())
    assert width < 832 and height < 480
    assert place(large, [work(width, height)], CUDA, 4 * GB).peak <= 4 * GB
    memory = parse_memory(re.search(r"--memory (\S+GB) would", said)[1])
    assert place(large, [work()], CUDA, memory).peak <= memory
    with pytest.raises(UserError):
        place(large, [work()], CUDA, memory - GB // 5)
    frames = re.search(r"--frames (\d+)", said)
    assert frames is None or place(large, [work(frames=int(frames[1]))], CUDA, 4 * GB).peak <= 4 * GB


def test_on_a_cpu_blocks_leave_for_their_file_if_weights_may_stay_there(large):
    mapped = large.model_copy(update={"mapped": True, "reader_part": 193_000_000})
    weights, wanted = weights_of(mapped, CPU.dtype), need(mapped, work(64, 64, 1), CPU)
    fewest = least(weights, wanted, CPU)
    assert fewest < weights.all / 8
    for share in (0.0, 0.5):
        memory = int(fewest + share * weights.blocks * weights.block)
        placed = place(mapped, [work(64, 64, 1)], CPU, memory)
        assert abs(placed.resident - share * 40) <= 1 and placed.peak <= memory
        tensors = weights.rest + (placed.resident + 1) * weights.block + wanted.denoising
        assert tensors < placed.peak - overhead("cpu") < 1.1 * tensors  # the allocator keeps some
    with pytest.raises(UserError, match="takes at least"):
        place(mapped, [work(64, 64, 1)], CPU, fewest - 1)
    said = out_of_memory(mapped, [work()], CPU, weights.all // 2)
    assert "--memory " in said


def test_on_a_cpu_nothing_can_leave_else(large):
    weights = weights_of(large, CPU.dtype)
    with pytest.raises(UserError, match="takes at least"):
        place(large, [work(64, 64, 1)], CPU, weights.all)
    assert place(large, [work(64, 64, 1)], CPU, overhead("cpu") + weights.all + weights.reader).resident == 40


@pytest.mark.parametrize(("size", "frames"), [("128x96", 25), ("192x160", 9), ("96x160", 13)])
@pytest.mark.parametrize(("which", "steps"), [("handle", 2), ("pair", 8)])
def test_a_generation_takes_what_is_estimated(which, steps, size, frames, request):
    """Beside the weights and the frames, which NumPy holds."""
    model = request.getfixturevalue(which).model
    settled = plan(model.config, "generate", "a dog", size=size, frames=frames, settings=Settings(seed=1, steps=steps))
    carry_out(model, settled)
    with Counting(model) as counted:
        carry_out(model, settled)
    width, height = map(int, size.split("x"))
    shape = VideoShape(frames, height, width)
    estimate = max(need(model.config, Work(shape, Fraction(12)), Device("cpu", model.dtype)))
    assert estimate - 6 * shape.pixels == pytest.approx(counted.peak, rel=0.15)


@pytest.mark.parametrize(("size", "frames"), [("320x256", 5), ("96x512", 9)])
def test_a_draft_in_windows_takes_what_is_estimated(handle, size, frames):
    """While it is denoised; its decoding is as that of any clip."""
    model = handle.model
    clip = Clip.from_array(moving(frames, 32, 32), 12)
    prompt = "dog " * model.config.text_tokens  # as long as one can be
    settled = plan(model.config, "enlarge", clip, prompt, size=size, settings=Settings(seed=1, steps=2))
    (canvas,) = settled.composition.canvases
    (work,) = works(settled.composition, guided=True)
    with torch.inference_mode():
        lowered = lower(model, canvas)
        with Counting(model) as counted:
            denoised(model, canvas, lowered, settled, torch.Generator(), lambda progress: None)
    device = Device("cpu", model.dtype)
    estimate = need(model.config, work, device).denoising - 6 * work.shape.pixels
    assert estimate == pytest.approx(counted.peak, rel=0.15)


def test_windows_bound_what_denoising_takes(handle):
    """In one pack a film of 1920x1080 takes more than twice as much."""
    device, frames = Device("cpu", torch.float32), 2 * 3 * 25 * 1080 * 1920
    film = Work(VideoShape(25, 1080, 1920), Fraction(12), draft=True)
    windows, whole = (need(handle.model.config, one, device).denoising - frames for one in (film, film._replace(draft=False)))
    assert windows < whole / 2


def test_a_bound_is_kept_to_when_a_request_comes(handle, monkeypatch):
    model = handle.model
    settled = plan(model.config, "generate", "a dog", settings=Settings(seed=1))
    device = Device("cpu", model.dtype)
    enough_ = placement(model.config, settled, device, GB).peak
    monkeypatch.setattr(model, "memory", enough_)
    assert carry_out(model, settled).frame_count == 6
    monkeypatch.setattr(model, "memory", enough_ - 1)
    with pytest.raises(UserError, match="32x32 with 6 frames takes at least"):
        carry_out(model, settled)


@pytest.mark.parametrize(("text", "count"), [("8GB", 8 * GB), ("7.5 gb", 15 * GB // 2), ("800MB", 800 * 2**20), ("1GiB", GB)])
def test_amounts(text, count):
    assert parse_memory(text) == count


@pytest.mark.parametrize("text", ["", "8", "0GB", "-1GB", "much", "1e3GB", "8TB", "nan GB"])
def test_what_is_no_amount(text):
    with pytest.raises(UserError, match="is no amount of memory; write it as 8GB"):
        parse_memory(text)


@pytest.mark.parametrize("count", [1, 2**20 + 1, 3 * GB, 3 * GB + 1])
def test_enough_is_never_too_little(count):
    assert count <= parse_memory(enough(count)) < count + GB // 9


def test_when_memory_ran_out(large):
    taken = weights_of(large, CUDA.dtype).all
    said = out_of_memory(large, [work(1280, 720)], CUDA, 24 * GB)
    assert said.startswith("this takes more memory than there is: 1280x720 with 81 frames about ")
    assert "--memory " in said and "--size" not in said  # its weights alone are more than there is
    said = out_of_memory(large, [work(1280, 720)], CUDA, taken + 4 * GB)
    width, height = map(int, re.search(r"--size (\d+)x(\d+)", said).groups())
    assert width < 1280 and abs(width / height - 1280 / 720) < 0.1
    assert out_of_memory(large, [work(64, 64, 1)], CPU, None).endswith("ask for a smaller --size, fewer --seconds or frames")


def test_the_plan_knows_every_model(model_folder):
    config = load_config(str(model_folder))
    assert weights_of(config, torch.bfloat16).reader == 0
