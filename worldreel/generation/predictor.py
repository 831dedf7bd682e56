"""The model as sampling sees it: noisy tokens to clean ones, with prompts and guidance built in, window by window."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from worldreel.generation.memory import TOGETHER
from worldreel.generation.plan import Plan
from worldreel.layout import Layout
from worldreel.models import Bundle, Fast
from worldreel.models.lowered import Extra, Lowered
from worldreel.models.windows import Window, Windows, layout
from worldreel.prompting import Canvas
from worldreel.sampling import Predict, flowedit, guided
from worldreel.transformer.kept import MOST, Kept

EXACT = Fast(near=0, guided_above=0)
BEFORE = 0.25
"""How much of the guidance towards what is wanted holds for what is there (Kulikov et al. 2024 take about a quarter too)."""
SHOWN = 0.76
"""The highest ceiling, as a share of the steps, up to which all of what is edited is shown; from there on less, and none at 1."""


class _Told(NamedTuple):
    """Prompts, the one that all tokens read (None: each its own cue's), and guidance above and below the experts' boundary."""

    prompts: Sequence[str]
    way: int | None
    above: float
    below: float


class _Call(NamedTuple):
    """One pass through the network: of `copies` of some windows, each reading in a way of its own."""

    layout: Layout
    texts: Sequence[Tensor]
    extra: Extra | None
    copies: int
    kept: Kept


class _Pack(NamedTuple):
    """Windows that are predicted together, without guidance and with it."""

    windows: Sequence[Window]
    alone: Sequence[_Call]
    guided: Sequence[_Call]


def predictor(
    model: Bundle,
    canvas: Canvas,
    lowered: Lowered,
    windows: Windows,
    settled: Plan,
    generator: torch.Generator,
) -> Predict:
    """Predicts every token of a canvas; of one that says what it shows, on the way from there (see `flowedit`), for which
    `generator` draws noise, or, where the model sees what it edits, guided away from what that is said to be."""
    above, below = settled.scales(canvas)
    fast = model.config.defaults.fast if settled.fast else EXACT
    wanted = _Told([cue.prompt for cue in canvas.cues], None, above, below)
    negative = canvas.was if canvas.was and not flows(model, canvas) else settled.negative
    after = _prompted(model, lowered, windows, wanted, negative, fast)
    if canvas.edited and model.config.sees_sources and float(lowered.ceilings.max()) > SHOWN:
        unseen = _prompted(model, replace(lowered, extra=None), windows, wanted, settled.negative, fast)
        return _partly_shown(after, unseen, lowered.ceilings)
    if canvas.was is None or not flows(model, canvas):
        return after
    there = _Told([canvas.was], 0, 1 + BEFORE * (above - 1), 1 + BEFORE * (below - 1))
    before = _prompted(model, lowered, windows, there, settled.negative, fast)
    return flowedit(before, after, lowered.known, generator)


def _partly_shown(shown: Predict, unseen: Predict, ceilings: Tensor) -> Predict:
    """The more of a token may change, the less what it was counts: guidance towards the picture (InstructPix2Pix, Brooks et al.
    2023, equation 3) with a scale from 1 down to 0."""
    scale = ((1 - ceilings) / (1 - SHOWN)).clamp(max=1)[:, None]
    return lambda tokens, levels: guided(shown(tokens, levels), unseen(tokens, levels), scale)


def flows(model: Bundle, canvas: Canvas) -> bool:
    """Whether a canvas is made on the way from what it is said to show (see `flowedit`)."""
    return canvas.was is not None and not (canvas.edited and model.config.sees_sources)


def _prompted(model: Bundle, lowered: Lowered, windows: Windows, told: _Told, negative: str, fast: Fast) -> Predict:
    texts = model.read([*told.prompts, negative])
    unguided = told.above == told.below == 1

    def call(each: Sequence[Window], texts: Sequence[Tensor], *ways: int | None) -> _Call:
        extra = lowered.extra
        if extra is not None:
            extra = extra._replace(channels=_joined(windows, each, extra.channels)).copies(len(ways))
        # Where memory is bounded, keys and values of texts are computed anew.
        kept = Kept(MOST if model.memory is None else 0, fast.near)
        return _Call(layout(each, *ways).to(model.device), texts, extra, len(ways), kept)

    def packed(each: Sequence[Window]) -> _Pack:
        alone = call(each, texts[:-1], told.way)
        if 2 * sum(window.tokens for window in each) <= TOGETHER:
            return _Pack(each, [alone], [call(each, texts, told.way, len(told.prompts))])
        return _Pack(each, [alone], [alone, call(each, texts[-1:], 0)])

    packs = [packed(each) for each in windows.packs(TOGETHER if unguided else TOGETHER // 2)]

    def parts(tokens: Tensor, levels: Tensor) -> Iterator[tuple[Window, Tensor]]:
        for pack in packs:
            seen = tuple(_joined(windows, pack.windows, values) for values in (tokens, levels))
            expert = model.expert(seen[1], pack.alone[0].layout, lowered.extra)
            scale = told.below if expert == "late" else told.above
            if float(levels.max()) < fast.guided_above:
                scale = 1.0
            found: list[Tensor] = []
            for one in pack.alone if scale == 1 else pack.guided:
                noisy, noise_levels = (torch.cat([values] * one.copies) for values in seen)
                found += model.denoise(noisy, noise_levels, one.layout, one.texts, one.extra, one.kept).chunk(one.copies)
            clean = found[0] if scale == 1 else guided(found[0], found[1], scale)
            yield from zip(pack.windows, clean.split([window.tokens for window in pack.windows]), strict=True)

    return lambda tokens, levels: windows.blended(parts(tokens, levels))


def _joined(windows: Windows, each: Sequence[Window], values: Tensor) -> Tensor:
    """Of values [N, ...] by token those of some windows, one behind another."""
    cut = [windows.cut(values, window) for window in each]
    return cut[0] if len(cut) == 1 else torch.cat(cut)
