"""How like real clips the made ones are as a crowd (FVD), and how unlike one another those of one prompt are (diversity)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from worldreel.evaluation.judging import drawn
from worldreel.evaluation.obedience import CANVAS, SEED, Prompt
from worldreel.evaluation.reconstruction import as_video
from worldreel.evaluation.results import Result
from worldreel.generation import Settings, carry_out, plan
from worldreel.models import Bundle
from worldreel.perception.i3d import I3D, frechet, recognised
from worldreel.perception.lpips import LPIPS, frames_of
from worldreel.worlds.scenes import Scene, random_scene

LOOKS = 4
"""Clips of each prompt whose differences are measured."""


def measure_fvd(network: I3D, made: Iterable[np.ndarray], prompts: Sequence[Prompt]) -> dict[str, Result]:
    """FVD of made clips to renders of the very scenes their prompts describe. `peer`: that of as many others, the least
    that so few clips can reach."""
    ours = _features(network, made)
    truth = _features(network, (drawn(prompt.scene) for prompt in prompts))
    others = (random_scene((SEED, 2, number), CANVAS, withheld_pairs=True, alone=1.0) for number in range(len(prompts)))
    floor = frechet(_features(network, (drawn(scene) for scene in others)), truth)
    return {"fvd": Result(frechet(ours, truth), None, None, len(prompts), peer=floor)}


def measure_diversity(
    network: LPIPS, model: Bundle, prompts: Sequence[Prompt], watch: Callable[[int], None]
) -> dict[str, Result]:
    """The mean LPIPS between clips of one prompt with different seeds. `peer`: between real clips of one caption."""
    ours, real = [], []
    for done, prompt in enumerate(prompts):
        watch(done)
        seeds = (LOOKS * prompt.number + look for look in range(LOOKS))
        plans = [plan(model.config, "generate", prompt.text, settings=Settings(seed=seed)) for seed in seeds]
        ours.append(_spread(network, [carry_out(model, settled).array() for settled in plans]))
        real.append(_spread(network, [drawn(scene) for scene in alike(prompt.scene, LOOKS)]))
    return {"diversity": Result.mean(ours, peers=real)}


def alike(scene: Scene, count: int) -> list[Scene]:
    """Other scenes that the same caption describes."""
    (actor,) = scene.actors
    found: list[Scene] = []
    number = 0
    while len(found) < count:
        other = random_scene((SEED, 3, number), scene.canvas, alone=1.0, withheld_pairs=bool(number % 2))
        (player,) = other.actors
        if (player.direction, player.position) == (actor.direction, actor.position):
            player = replace(player, subject=actor.subject)
            found.append(replace(other, actors=(player,), background=scene.background))
        number += 1
    return found


def _features(network: I3D, clips: Iterable[np.ndarray]) -> Tensor:
    return torch.stack([recognised(network, as_video(clip)[0]) for clip in clips])


def _spread(network: LPIPS, clips: Sequence[np.ndarray]) -> float:
    """The mean distance of all pairs, frame by frame, at three frames."""
    places = np.linspace(0, len(clips[0]) - 1, 3).round().astype(int)
    looks = [frames_of(as_video(clip[places])) for clip in clips]
    with torch.inference_mode():
        return float(torch.stack([network(one, other).mean() for one, other in combinations(looks, 2)]).mean())
