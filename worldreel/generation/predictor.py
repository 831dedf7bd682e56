"""The model as sampling sees it: noisy tokens to clean ones, with prompts and guidance built in, window by window."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from worldreel.generation.memory import TOGETHER
from worldreel.generation.plan import Plan
from worldreel.layout import Layout
from worldreel.models import Bundle
from worldreel.models.bundle import Extra
from worldreel.models.lowering import Lowered
from worldreel.models.windows import Window, Windows, layout
from worldreel.prompting import Canvas
from worldreel.sampling import Predict, guided


class _Call(NamedTuple):
    """One pass through the network: of `copies` of some windows, each reading in a way of its own."""

    layout: Layout
    texts: Sequence[Tensor]
    extra: Extra | None
    copies: int


def predictor(model: Bundle, canvas: Canvas, lowered: Lowered, windows: Windows, settled: Plan) -> Predict:
    """Predicts every token of a canvas."""
    prompts = [cue.prompt for cue in canvas.cues]
    texts = model.read([*prompts, settled.negative])
    alone = settled.guidance == settled.late_guidance == 1

    def calls(each: Sequence[Window]) -> list[_Call]:
        def call(texts: Sequence[Tensor], *ways: int | None) -> _Call:
            extra = lowered.extra
            if extra is not None:
                extra = extra._replace(channels=_joined(windows, each, extra.channels)).copies(len(ways))
            return _Call(layout(each, *ways).to(model.device), texts, extra, len(ways))

        if alone:
            return [call(texts[:-1], None)]
        if 2 * sum(window.tokens for window in each) <= TOGETHER:
            return [call(texts, None, len(prompts))]
        return [call(texts[:-1], None), call(texts[-1:], 0)]

    packs = [(each, calls(each)) for each in windows.packs(TOGETHER if alone else TOGETHER // 2)]

    def parts(tokens: Tensor, levels: Tensor) -> Iterator[tuple[Window, Tensor]]:
        late = float(levels.max()) < model.config.boundary
        scale = settled.late_guidance if late else settled.guidance
        for each, work in packs:
            noisy, told = _joined(windows, each, tokens), _joined(windows, each, levels)
            found: list[Tensor] = []
            for call in work:
                several = torch.cat([noisy] * call.copies), torch.cat([told] * call.copies)
                found += model.denoise(*several, call.layout, call.texts, call.extra).chunk(call.copies)
            clean = found[0] if alone else guided(found[0], found[1], scale)
            yield from zip(each, clean.split([window.tokens for window in each]), strict=True)

    return lambda tokens, levels: windows.blended(parts(tokens, levels))


def _joined(windows: Windows, each: Sequence[Window], values: Tensor) -> Tensor:
    """Of values [N, ...] by token those of some windows, one behind another."""
    cut = [windows.cut(values, window) for window in each]
    return cut[0] if len(cut) == 1 else torch.cat(cut)
