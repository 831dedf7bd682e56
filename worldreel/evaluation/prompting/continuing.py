"""Studies of what follows on: animate, extend (forward, backward, four times), connect."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import torch

from worldreel.evaluation.judging import Asked
from worldreel.evaluation.prompting.source import Source, Study, difference, make, motion, seen_right, sources
from worldreel.evaluation.reconstruction import as_video
from worldreel.media import Clip
from worldreel.models import Bundle
from worldreel.perception.lpips import frames_of, load_lpips
from worldreel.worlds.judge import Judge

STEPS = (0.3, 1.5)
"""How far the first new frame may lie from its neighbour, in steps of the source."""
NEW = 12
"""New frames of a second."""
APART = 0.02
"""LPIPS: two renders of one scene whose actor is a tenth of the frame elsewhere are farther apart than this."""


def animate(model: Bundle, judge: Judge, count: int) -> Study:
    """From the first frame of a clip whose actor moves."""
    study, exact, jumps, right = Study(), list[bool](), list[float](), list[bool]()
    for source in sources(model, count, moving=True):
        made = make(model, "animate", source.clip.slice(0, 1), source.caption, seed=source.seed, frames=25)
        exact.append(np.array_equal(made[0], source.frames[0]))
        jumps.append(difference(made[1], made[0]) / source.step)
        right.append(seen_right(judge, made, source.asked, "direction"))
        study.show(made)
    study.share("animate_given_exact", exact, 1.0)
    _first_steps(study, "animate", jumps)
    study.share("animate_direction", right, peers=[False] * count)
    return study


def extend(model: Bundle, judge: Judge, count: int) -> Study:
    """Thirteen frames of a clip whose actor moves, and a second more, forward and backward."""
    study = Study()
    for direction in ("forward", "backward"):
        exact, jumps = list[bool](), list[float]()
        for source in sources(model, count, moving=True):
            given = source.frames[6:19]
            clip = Clip.from_array(given, source.scene.canvas.fps)
            made = make(model, "extend", clip, source.caption, seed=source.seed, direction=direction)
            kept, place = (made[:13], 13) if direction == "forward" else (made[NEW:], NEW - 1)
            exact.append(np.array_equal(kept, given))
            jumps.append(difference(made[place], given[-1 if direction == "forward" else 0]) / source.step)
            study.show(made, 5 if direction == "forward" else 10)
        study.share(f"extend_{direction}_given_exact", exact, 1.0)
        _first_steps(study, f"extend_{direction}", jumps)
    return study


def extend_four_times(model: Bundle, judge: Judge, count: int) -> Study:
    """The last second after four extensions, against the first one. The trivial answer holds the last frame."""
    study = Study()
    before, after = {"subject": list[bool](), "background": list[bool]()}, {"subject": list[bool](), "background": list[bool]()}
    alive, held = list[bool](), list[bool]()
    for source in sources(model, count):
        clip = source.clip.slice(0, 13)
        for again in range(4):
            made = make(model, "extend", clip, source.caption, seed=source.seed + again)
            clip = Clip.from_array(made, clip.fps)
        for attribute in before:
            before[attribute].append(seen_right(judge, source.frames[:13], source.asked, attribute))
            after[attribute].append(seen_right(judge, made[-NEW:], source.asked, attribute))
        ratio = float(motion(made[-NEW:]).mean() / max(motion(source.frames).mean(), 1e-9))
        alive.append(0.5 <= ratio <= 2)
        held.append(False)
        study.show(made)
    for attribute, marks in after.items():
        start = float(np.mean(before[attribute]))
        study.share(f"extend_four_times_{attribute}", marks, 0.85 * start)
    study.share("extend_four_times_motion", alive, peers=held)
    return study


def beginnings(model: Bundle, judge: Judge, count: int) -> Study:
    """The report's figure: one end, and from four seeds four ways to it. Half as many clips, since each is made four times."""
    study, apart, same = Study(), list[bool](), list[bool]()
    for source in sources(model, max(1, count // 4), moving=True):
        clip = Clip.from_array(source.frames[12:], source.scene.canvas.fps)
        made = [make(model, "extend", clip, source.caption, seed=1000 + n, direction="backward") for n in range(4)]
        starts = [as_video(frames[:1]) for frames in made]
        with torch.no_grad():
            pairs = [float(load_lpips()(frames_of(one), frames_of(two)).mean()) for one, two in combinations(starts, 2)]
        apart.append(min(pairs) > APART)
        same.append(all(seen_right(judge, frames[:NEW], source.asked, "subject") for frames in made))
        for frames in made:
            study.show(frames, 16)
    study.share("backward_four_starts_differ", apart)
    study.share("backward_four_starts_subject", same)
    return study


def connect(model: Bundle, judge: Judge, count: int) -> Study:
    """From one scene to another with another subject and background, by a bridge and by a blend."""
    study = Study()
    found = list(sources(model, 2 * count))
    pairs = [(one, two) for one, two in zip(found[::2], found[1::2], strict=True) if _differ(one, two)]
    for blend in (False, True):
        name = "blend" if blend else "bridge"
        ends, moves, jumps = list[bool](), list[bool](), list[float]()
        for one, two in pairs:
            prompt = f"{one.caption}, then {two.caption}"
            made = make(model, "connect", one.clip, two.clip, prompt, seed=one.seed, blend=blend)
            new = made[25 : 25 + NEW] if not blend else made[25 - NEW : 25 + NEW]
            quarter = max(3, len(new) // 4)
            ends.append(
                seen_right(judge, new[:quarter], _still(one), "subject")
                and seen_right(judge, new[-quarter:], _still(two), "subject")
            )
            step = max(one.step, two.step)
            found_motion = motion(made[25 - NEW : 25 + 2 * NEW])
            moves.append(bool(found_motion.min() > 0 or motion(one.frames).min() == 0) and bool(found_motion.max() <= 3 * step))
            jumps.append(motion(made)[24 if not blend else 25 - NEW] / one.step)
            study.show(made[25 - NEW : 25 + 2 * NEW], 5 if not blend else 10)
        study.share(f"connect_{name}_ends", ends, 0.9)
        study.share(f"connect_{name}_moves", moves, peers=[False] * len(moves))
        if not blend:
            _first_steps(study, "connect", jumps)
    return study


def _first_steps(study: Study, name: str, jumps: list[float]) -> None:
    """The trivial answer, the neighbour held, lies at 0."""
    study.share(f"{name}_first_step", [STEPS[0] <= jump <= STEPS[1] for jump in jumps], 0.9, [False] * len(jumps))
    study.mean(f"{name}_first_step_size", jumps, peers=[0.0] * len(jumps))


def _differ(one: Source, two: Source) -> bool:
    asked, other = one.asked, two.asked
    return asked.subject != other.subject and asked.background != other.background


def _still(source: Source) -> Asked:
    """What a moment of the scene shows, whose length says nothing of its direction."""
    return replace(source.asked, direction=None, position=None)
