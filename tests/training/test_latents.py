import numpy as np
import pytest
import torch

from tests.training.small import CANVASES, NETWORK, model_config
from tests.weights import randomise
from worldreel.autoencoder import Autoencoder
from worldreel.training.filling import draw_wanted
from worldreel.training.latents import LatentPool, PoolConfig, resized, shrunk
from worldreel.worlds.scenes import Change, Scene
from worldreel.worlds.solids import scenes as solids
from worldreel.worlds.world import Solids, Sprites

CONFIG = PoolConfig(canvases=CANVASES, start=8, size=20, refresh=3)


@pytest.fixture(scope="module")
def parts():
    return model_config(), randomise(Autoencoder(NETWORK))


def new_pool(parts, **changes):
    return LatentPool(CONFIG.model_copy(update=changes), *parts, seed=5)


def same(one, other):
    drafts = [entry.before for entry in (one, other) if entry.before is not None]
    assert len(drafts) != 1 and (not drafts or torch.equal(*drafts))
    return one.draft == other.draft and one.runs == other.runs and torch.equal(one.latents, other.latents)


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "made anew"])
@pytest.mark.parametrize("stopped", [0, 3, 4, 9], ids=["at the start", "filling", "just full", "replacing"])
def test_a_restored_pool_goes_on_as_the_other(parts, stopped, kept):
    alone, killed, resumed = (new_pool(parts, kept=kept) for _ in range(3))
    for step in range(13):
        alone.refresh(step)
    for step in range(stopped + 1):
        killed.refresh(step)
    assert ("latents" in killed.state()) == kept
    resumed.load_state({name: tensor.contiguous().clone() for name, tensor in killed.state().items()})
    assert all(same(*pair) for pair in zip(killed.entries, resumed.entries, strict=True))
    for step in range(stopped + 1, 13):
        resumed.refresh(step)
    assert all(same(*pair) for pair in zip(alone.entries, resumed.entries, strict=True))
    assert alone.places == resumed.places
    assert alone.drawn == resumed.drawn == 8 + 12 * 3


def test_an_empty_pool_has_no_state(parts):
    pool = new_pool(parts)
    assert pool.state() == {}
    pool.load_state({})
    assert pool.entries == []


def test_new_scenes_fill_the_pool_then_replace_the_oldest(parts):
    pool = new_pool(parts)
    for step in range(11):
        pool.refresh(step)
        drawn = 8 + 3 * step
        assert pool.drawn == drawn
        assert len(pool.entries) == min(drawn, 20)
    # 38 are drawn: numbers 20 to 37 lie where 0 to 17 were, 18 and 19 are still there.
    for place, entry in enumerate(pool.entries):
        assert entry.draft == pool._draft(place + 20 if place < 18 else place)


def test_a_jump_draws_what_was_left_out(parts):
    pool, jumped = new_pool(parts), new_pool(parts)
    for step in range(6):
        pool.refresh(step)
    jumped.refresh(5)
    assert all(same(*pair) for pair in zip(pool.entries, jumped.entries, strict=True))


def test_scenes_encoded_together_are_those_encoded_alone(parts):
    alone, together = new_pool(parts), new_pool(parts)
    together.together = 16
    alone.refresh(4)
    together.refresh(4)
    for one, other in zip(alone.entries, together.entries, strict=True):
        assert one.draft == other.draft and one.runs == other.runs
        assert float((one.latents.float() - other.latents.float()).abs().max()) < 0.1  # bf16


def test_latents_are_those_of_the_scene(parts):
    pool = new_pool(parts)
    pool.refresh(0)
    for entry in pool.entries:
        video = entry.world.render([entry.scene])
        cut = entry.draft.cut
        with torch.inference_mode():
            whole = None if cut else parts[1].encode(video)[0]
            if cut:
                first, second = entry.runs
                whole = parts[1].encode(video[:, :, : 4 * first.frames - 3])[0]
                assert video.shape[2] - cut == 4 * second.frames - 3
            latents = torch.cat([whole, parts[1].encode(video[:, :, cut:])[0]], 1) if cut else whole
        assert float((entry.latents.float() - latents).abs().max()) < 0.1  # bf16
        run = entry.runs[0]
        assert entry.latents.shape[1:] == (sum(run.frames for run in entry.runs), run.height * 2, run.width * 2)


def test_the_second_run_begins_in_or_after_the_last_latent_frame_of_the_first(parts):
    """As runs of any canvas do, of which the codec rounds the first one up."""
    pool = new_pool(parts, start=60, size=100)
    pool.refresh(8)
    cuts = [entry for entry in pool.entries if len(entry.runs) == 2]
    assert cuts and len(cuts) < len(pool.entries)
    twice = set()
    for entry in cuts:
        first, second = entry.runs
        share, fps, cut = CANVASES[entry.draft.share], float(entry.scene.canvas.fps), entry.draft.cut
        assert share.cut and second.start == pytest.approx(cut / fps)
        assert first.frames + second.frames == 2 + (share.frames - 1) // 4
        twice.add(4 * first.frames - 3 - cut)
        assert entry.scene.canvas.frames == cut + 4 * second.frames - 3
    assert twice == {0, 1, 2, 3}


def test_some_scenes_are_made_for_the_gap_that_is_filled(parts):
    pool = new_pool(parts, joined=0.5, start=100, size=100)
    pool.refresh(0)
    cuts = [entry for entry in pool.entries if len(entry.runs) == 2]
    made = [entry for entry in cuts if entry.draft.known]
    assert 0.3 < len(made) / len(cuts) < 0.7
    assert not any(entry.draft.known for entry in pool.entries if len(entry.runs) == 1)
    kinds = set()
    for entry in made:
        first, second = entry.runs
        wanted = draw_wanted([first.frames, second.frames], 0.0, np.random.default_rng(0), entry.draft.known).tolist()
        gap = first.frames - entry.draft.known
        assert wanted == [False] * entry.draft.known + [True] * gap + [False] * second.frames and 2 <= gap <= 4
        last_given, scene = 4 * entry.draft.known - 4, entry.scene
        kinds.add(type(scene))
        if isinstance(scene, Change):
            assert last_given < scene.start < scene.stop < entry.draft.cut
        else:
            assert scene.back == (last_given, entry.draft.cut)
    assert kinds == {Scene, Change}


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "made anew"])
def test_some_scenes_come_with_what_they_were_before_an_edit(parts, kept):
    pool = new_pool(parts, edited=0.5, start=40, size=40, kept=kept)
    pool.refresh(0)
    whole = [entry for entry in pool.entries if len(entry.runs) == 1]
    edited = [entry for entry in pool.entries if entry.before is not None]
    assert 0.25 < len(edited) / len(whole) < 0.65 and all(len(entry.runs) == 1 for entry in edited)
    for entry in edited:
        with torch.inference_mode():
            before = parts[1].encode(entry.world.render([entry.draft.before]))[0]
        assert entry.before.shape == entry.latents.shape and not torch.equal(entry.before, entry.latents)
        assert float((entry.before.float() - before).abs().max()) < 0.1  # bf16
    restored = new_pool(parts, edited=0.5, start=40, size=40, kept=kept)
    restored.load_state(pool.state())
    assert all(same(*pair) for pair in zip(pool.entries, restored.entries, strict=True))


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "made anew"])
def test_some_scenes_come_with_themselves_enlarged(parts, kept):
    pool = new_pool(parts, coarse=0.5, start=40, size=40, kept=kept)
    pool.refresh(0)
    whole = [entry for entry in pool.entries if len(entry.runs) == 1]
    coarse = [entry for entry in pool.entries if entry.before is not None]
    assert 0.25 < len(coarse) / len(whole) < 0.75 and all(len(entry.runs) == 1 for entry in coarse)
    times = [entry.draft.shrunk for entry in coarse]
    assert all(1.05 <= one <= 4 for one in times) and 0 < times.count(2.0) < len(times)
    for entry in coarse:
        half = entry.world.half(entry.scene) if entry.draft.shrunk == 2 else None
        with torch.inference_mode():
            video = entry.world.render([entry.scene])[0]
            small = (
                shrunk(video, entry.draft.shrunk) if half is None else resized(entry.world.render([half])[0], *video.shape[-2:])
            )
            before = parts[1].encode(small[None])[0]
        assert float((entry.before.float() - before).abs().max()) < 0.1  # bf16
    restored = new_pool(parts, coarse=0.5, start=40, size=40, kept=kept)
    restored.load_state(pool.state())
    assert all(same(*pair) for pair in zip(pool.entries, restored.entries, strict=True))


def test_what_is_shrunk_keeps_its_size_and_colours_and_loses_its_detail():
    even = torch.full((3, 2, 16, 24), 0.5)
    torch.testing.assert_close(shrunk(even, 2.0), even)
    fine = torch.zeros(1, 1, 16, 16)
    fine[..., ::2] = 1  # lines of one pixel
    small = shrunk(fine.expand(3, 1, 16, 16), 2.0)
    assert small.shape == (3, 1, 16, 16)
    assert float(small.mean()) == pytest.approx(0.5, abs=0.05) and float(small.std()) < 0.25 * float(fine.std())


def test_no_withheld_pair_is_ever_shown(parts):
    pool = new_pool(parts)
    assert not any(pool._draft(number).scene.is_withheld for number in range(400))


def test_pools_mix_worlds(parts):
    pool = new_pool(parts, solid=0.5, start=12)
    pool.refresh(0)
    worlds = {type(entry.world) for entry in pool.entries}
    assert worlds == {Sprites, Solids}
    for entry in pool.entries:
        assert isinstance(entry.scene, solids.Scene) == isinstance(entry.world, Solids)
        words = entry.caption(np.random.default_rng(0))
        things = entry.scene.solids if isinstance(entry.scene, solids.Scene) else entry.scene.actors
        assert len(words) > 10 and len(things) >= 1
    restored = new_pool(parts, solid=0.5, start=12)
    restored.load_state(pool.state())
    assert all(same(*pair) for pair in zip(pool.entries, restored.entries, strict=True))


def test_long_clips_are_more_than_their_share_of_the_pool(parts):
    """Of 4 tokens and of 1, drawn 3 to 1 in packs: 3 x 2 to 1 x 1 in the pool."""
    canvases = (CANVASES[0].model_copy(update={"weight": 3.0}), CANVASES[2])
    pool = new_pool(parts, canvases=canvases)
    assert pool.weights.tolist() == [0.75, 0.25]
    stills = [pool._draft(number).scene.canvas.frames == 1 for number in range(400)]
    assert np.mean(stills) == pytest.approx(1 / 7, abs=0.06)


def test_a_canvas_gives_its_own_scenes(parts):
    pool = new_pool(parts)
    pool.refresh(8)
    rng = np.random.default_rng(0)
    for number, share in enumerate(CANVASES):
        canvas = pool.entry(number, rng).scene.canvas
        assert (canvas.width, canvas.height) == (share.width, share.height)
        assert canvas.frames == share.frames or (share.cut and share.frames - 2 <= canvas.frames <= share.frames + 1)
        assert canvas.fps in share.fps


def test_packs_hold_exactly_the_tokens_asked_for(parts):
    pool = new_pool(parts)
    menus = pool.menus(10, tokens=50)
    sizes = [4, 6, 1, 10]
    assert len(menus) == 10
    for menu in menus:
        assert sum(sizes[number] for number in menu) == 50
        assert sorted(menu, key=lambda number: sizes[number]) == menu
    assert pool.menus(10, tokens=50) == menus
    shares = np.bincount([number for menu in pool.menus(200, tokens=50) for number in menu]) / 200
    assert shares.min() > 0.5 * shares.max()  # all are drawn alike


def test_packs_of_sizes_that_do_not_add_up_hold_as_few_more_as_can_be(parts):
    pool = new_pool(parts)
    pool.weights = np.array([0.5, 0.5, 0.0, 0.0])
    assert {sum((4, 6)[number] for number in menu) for menu in pool.menus(10, tokens=51)} == {52}


def test_captions_say_what_is_there(parts):
    pool = new_pool(parts)
    pool.refresh(0)
    entry, rng = pool.entries[0], np.random.default_rng(0)
    captions = {entry.caption(rng) for _ in range(30)}
    assert len(captions) > 3
    assert all(entry.scene.actors[0].subject.name in caption for caption in captions)


def test_scenes_from_near_are_of_their_own_canvases(parts):
    canvases = tuple(share.model_copy(update={"close": number % 2 == 0}) for number, share in enumerate(CANVASES))
    pool = new_pool(parts, canvases=canvases, start=30, size=30)
    pool.refresh(0)
    seen = {(entry.scene.close, canvases[entry.draft.share].close) for entry in pool.entries}
    assert seen == {(True, True), (False, False)}
