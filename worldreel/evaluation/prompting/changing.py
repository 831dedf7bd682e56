"""Studies of what is changed or completed: loop, fill, edit, enlarge, other shapes, storyboards."""

import json
import tempfile
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from worldreel.evaluation.judging import Asked, drawn
from worldreel.evaluation.prompting.source import Source, Study, difference, make, motion, seen_right, sources
from worldreel.evaluation.reconstruction import as_video
from worldreel.models import Bundle
from worldreel.perception.lpips import frames_of, load_lpips
from worldreel.perception.quality import psnr
from worldreel.worlds.captions import short_caption
from worldreel.worlds.judge import Judge
from worldreel.worlds.scenes import Background, Canvas, Scene, with_subjects
from worldreel.worlds.style_judge import read_style
from worldreel.worlds.styles import STYLES
from worldreel.worlds.subjects import COLOURS, SUBJECTS

STRENGTHS = ("0.3", "0.5", "0.7", "0.9")
SHAPES = ("128x128", "160x96", "96x160", "224x96", "168x72", "96x96", "160x160")
"""1:1, 5:3 (about 16:9), 3:5, 21:9 twice (the smaller is no multiple of a token); and three sizes of the square."""


def loop(model: Bundle, judge: Judge, count: int) -> Study:
    """A clip and a second that leads back to its first frame. The trivial answer jumps."""
    study, jumps, cuts, alive = Study(), list[float](), list[float](), list[bool]()
    for source in sources(model, count, moving=True):
        made = make(model, "loop", source.clip, source.caption, seed=source.seed)
        repeated = np.concatenate([made] * 3)
        seams = [len(made), 2 * len(made)]
        jumps.append(max(difference(repeated[seam], repeated[seam - 1]) for seam in seams) / source.step)
        cuts.append(difference(source.frames[0], source.frames[-1]) / source.step)
        alive.append(bool(motion(made[len(source.frames) :]).mean() >= 0.5 * motion(source.frames).mean()))
        study.show(made)
    study.share("loop_jump", [jump <= 1.2 for jump in jumps], 0.9, [cut <= 1.2 for cut in cuts])
    study.mean("loop_jump_size", jumps, peers=cuts)
    study.share("loop_motion", alive, 0.9)
    return study


def fill(model: Bundle, judge: Judge, count: int) -> Study:
    """The middle frames of a clip whose actor moves, against the truth. The trivial answer is a cross-fade."""
    study, ours, fades = Study(), list[float](), list[float]()
    start, stop = 9, 17
    for source in sources(model, count, moving=True):
        made = make(model, "fill", source.clip, source.caption, seed=source.seed, missing=f"{start}:{stop}")
        truth = source.frames[start:stop]
        share = np.linspace(0, 1, stop - start + 2)[1:-1, None, None, None]
        fade = (1 - share) * source.frames[start - 1] + share * source.frames[stop]
        ours.append(_psnr(truth, made[start:stop]))
        fades.append(_psnr(truth, fade.round().astype(np.uint8)))
        study.show(made)
    study.mean("fill_psnr", ours, peers=fades)
    study.mean("fill_gain", [one - other for one, other in zip(ours, fades, strict=True)], 3.0)
    return study


def edit(model: Bundle, judge: Judge, count: int) -> Study:
    """A prompt that changes the subject or the background, at several strengths, where it is said what the clip shows; and the
    same without that (`edit_plain_*`)."""
    study, scenes = Study(), list(sources(model, count))
    kinds = [f"{plain}{attribute}" for plain in ("", "plain_") for attribute in ("subject", "background")]
    changed = {kind: list[bool]() for kind in kinds}
    placed = {"": list[bool](), "plain_": list[bool]()}
    changes = {strength: list[float]() for strength in STRENGTHS}
    same = []
    for source in scenes:
        for attribute, scene in (("subject", _other_subject(source)), ("background", _other_background(source))):
            prompt, asked = short_caption(scene), Asked.of(scene)
            study.show(source.frames, 9)
            for plain, was in (("", source.caption), ("plain_", None)):
                made = make(model, "edit", source.clip, prompt, seed=source.seed, was=was, strength="0.7")
                changed[plain + attribute].append(seen_right(judge, made, asked, attribute))
                placed[plain].append(_stays(judge, source, made))
                study.show(made, 12)
        prompt = short_caption(_other_subject(source))
        for strength in STRENGTHS:
            made = make(model, "edit", source.clip, prompt, seed=source.seed, was=source.caption, strength=strength)
            changes[strength].append(difference(made, source.frames))
        untouched = make(model, "edit", source.clip, source.caption, seed=source.seed, strength="0")
        same.append(np.array_equal(untouched, source.frames))
    for kind, marks in changed.items():
        study.share(f"edit_{kind}", marks, 0.8, [False] * len(marks))
    for plain, marks in placed.items():
        study.share(f"edit_{plain}stays_in_place", marks, 0.8)
    study.share("edit_strength_0_changes_nothing", same, 1.0)
    grown = [all(one[n] <= two[n] for one, two in pairwise(changes.values())) for n in range(len(scenes))]
    study.share("edit_grows_with_strength", grown, 0.9)
    return study


def restyle(model: Bundle, judge: Judge, count: int) -> Study:
    """A prompt that asks for a rendered style, of clips without one; every style in turn. The trivial answer is the clip."""
    study, ours, same = Study(), list[bool](), list[bool]()
    for number, source in enumerate(sources(model, count)):
        style = list(STYLES)[number % len(STYLES)]
        prompt = short_caption(replace(source.scene, style=style))
        made = make(model, "edit", source.clip, prompt, seed=source.seed, was=source.caption, strength="0.7")
        ours.append(read_style(made) == style)
        same.append(read_style(source.frames) == style)
        study.show(source.frames, 12)
        study.show(made, 12)
    study.share("restyle_style", ours, 0.8, same)
    return study


def shapes(model: Bundle, judge: Judge, count: int) -> Study:
    """One prompt at several shapes and sizes."""
    study, right = Study(), {shape: list[bool]() for shape in SHAPES}
    whole = list[bool]()
    for source in sources(model, count):
        for shape in SHAPES:
            made = make(model, "generate", source.caption, seed=source.seed, size=shape)
            right[shape].append(seen_right(judge, made, source.asked, "subject"))
            whole.append(_in_view(judge, made))
            study.show(made, 12)
    square = float(np.mean(right["128x128"]))
    for shape, marks in right.items():
        study.share(f"shape_{shape}_subject", marks, square - 0.1)
    study.share("shapes_in_view", whole, 0.9)
    return study


def enlarge(model: Bundle, judge: Judge, count: int) -> Study:
    """A draft of half the size, against the scene rendered at full size. The trivial answer is bicubic."""
    study, ours, bicubic, placed = Study(), list[float](), list[float](), list[bool]()
    small = Canvas(64, 64, 13, Fraction(12))
    for source in sources(model, count, canvas=small):
        truth = drawn(replace(source.scene, canvas=replace(small, width=128, height=128)))
        made = make(model, "enlarge", source.clip, source.caption, seed=source.seed, size="128x128")
        resized = source.clip.resized(128, 128).array()
        with torch.no_grad():
            distance = load_lpips()
            ours.append(float(distance(frames_of(as_video(truth)), frames_of(as_video(made))).mean()))
            bicubic.append(float(distance(frames_of(as_video(truth)), frames_of(as_video(resized))).mean()))
        placed.append(_stays(judge, replace(source, frames=truth), made, within=0.05))
        study.show(made)
    study.mean("enlarge_lpips", ours, peers=bicubic)
    study.mean("enlarge_lpips_gain", [1 - one / other for one, other in zip(ours, bicubic, strict=True)], 0.2)
    study.share("enlarge_stays_in_place", placed, 0.9)
    return study


def storyboard(model: Bundle, judge: Judge, count: int) -> Study:
    """Two cards of a second each, with a cut, of one character on two backgrounds."""
    study, right = Study(), list[bool]()
    for source in sources(model, count):
        other = _other_background(source)
        cards = [{"at": 0, "prompt": source.caption}, {"at": 1, "prompt": short_caption(other), "cut": True}]
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "board.json"
            file.write_text(json.dumps({"cards": cards, "seconds": 2}))
            made = make(model, "storyboard", file, seed=source.seed)
        for half, scene in ((made[:12], source.scene), (made[12:], other)):
            asked = replace(Asked.of(scene), direction=None, position=None)
            right.append(seen_right(judge, half, asked, "subject") and seen_right(judge, half, asked, "background"))
        study.show(made)
    study.share("storyboard_halves", right, 0.8)
    same = [one and two for one, two in zip(right[::2], right[1::2], strict=True)]
    study.share("storyboard_same_character", same)
    return study


def _other_subject(source: Source) -> Scene:
    rng = np.random.default_rng((source.seed, 1))
    actor = source.scene.actors[0]
    others = [subject for subject in SUBJECTS if subject != actor.subject]
    return with_subjects(source.scene, others[int(rng.integers(len(others)))])


def _other_background(source: Source) -> Scene:
    rng = np.random.default_rng((source.seed, 2))
    others = [name for name in COLOURS if name not in source.scene.background.names]
    name = others[int(rng.integers(len(others)))]
    return replace(source.scene, background=Background((name,), (COLOURS[name],)))


def _stays(judge: Judge, source: Source, made: np.ndarray, within: float = 0.1) -> bool:
    """Whether the one actor is, in the mean over time, within so much of the frame of where it was."""
    before, after = judge.see(source.frames), judge.see(made)
    if len(before.tracks) != 1 or len(after.tracks) != 1:
        return False
    apart = np.linalg.norm(np.array(before.tracks[0]) - np.array(after.tracks[0]), axis=1)
    return bool(apart.mean() <= within)


def _in_view(judge: Judge, made: np.ndarray) -> bool:
    """Whether the actor's centre stays where a subject of usual size is wholly in the frame."""
    tracks = judge.see(made).tracks
    return len(tracks) == 1 and bool(((np.array(tracks[0]) > 0.1) & (np.array(tracks[0]) < 0.9)).all())


def _psnr(truth: np.ndarray, made: np.ndarray) -> float:
    return psnr(as_video(truth), as_video(made))
