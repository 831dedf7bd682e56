"""Other words: the text encoder learns to tell a model what a caption that it knows tells it.

What unknown words stand for can be learned from clips that show it, but slowly: words are a small part of what a clip's loss is
about. What the model makes of the caption under the same noise is a target without noise (distillation; Hinton et al. 2015). The
transformer stands still, so that all it can do is as it was.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from worldreel.devices import autocast
from worldreel.flow import noised, velocity_loss
from worldreel.layout import Layout
from worldreel.patches import Segment, pack, to_tokens
from worldreel.text.knowledge import Knowledge
from worldreel.training.filling import Filling, FillingConfig
from worldreel.training.optimizers import muon_and_adamw
from worldreel.training.task import Loss
from worldreel.worlds import loose, paraphrases


class WordingConfig(FillingConfig):
    """Of `FillingConfig`, what says which canvases are given, at which levels, and the drill are of no use here."""

    early: float = 0.5
    """As in `FillingConfig`; the others' levels are drawn evenly above `least`."""
    least: float = 0.4


class Asked(NamedTuple):
    """Noisy tokens [N, C] at `levels` [N], and of each clip a caption and the same in other words."""

    noisy: Tensor
    levels: Tensor
    layout: Layout
    pairs: list[tuple[str, str]]


class Wording(Filling):
    """`network` is that of `Filling`, its transformer frozen; captions are read by the text encoder as it was at the start."""

    def __init__(self, config: WordingConfig, device: torch.device) -> None:
        super().__init__(config, device)
        self.taught: nn.Module = deepcopy(self.model.text).requires_grad_(False)
        self.model.transformer.requires_grad_(False)
        self.least = config.least
        self.fillers = _fillers(Knowledge(self.model.tokenizer, self.model.text.table), config.model.knows.words)

    def optimizers(self) -> list[torch.optim.Optimizer]:
        return muon_and_adamw(self.model.text, self.config.muon_rate, self.config.adamw_rate, inside="blocks")

    def loss(self, step: int) -> Loss:
        self.pool.refresh(step)
        asked = self._ask(step)
        with autocast(self.device, self.dtype):
            with torch.no_grad():
                wanted = self._predicted(asked, self.taught, [caption for caption, _ in asked.pairs])
            predicted = self._predicted(asked, self.model.text, [other for _, other in asked.pairs])
        loss = velocity_loss(predicted, wanted, asked.levels)
        return Loss(loss, {"tokens": float(len(asked.noisy)), "clips": float(len(asked.pairs))})

    def _ask(self, step: int) -> Asked:
        rng = np.random.default_rng((self.config.seed, 1, step))
        entries = [self.pool.entry(canvas, rng) for canvas in self.menus[int(rng.integers(len(self.menus)))]]
        tokens = [to_tokens(entry.latents.float(), self.config.model.patch) for entry in entries]
        spans = enumerate(zip(entries, tokens, strict=True))
        layout = pack([Segment(entry.runs, ((len(part), number),)) for number, (entry, part) in spans])
        clean = torch.cat(tokens)
        seed = self.config.seed * 1_000_003 + step
        noise = torch.randn(clean.shape, generator=torch.Generator(self.device).manual_seed(seed), device=self.device)
        levels = torch.cat([torch.full((len(part),), self._level(rng)) for part in tokens]).to(self.device)
        pairs = [entry.world.reworded(entry.scene, rng, self.fillers) for entry in entries]
        return Asked(noised(clean, noise, levels), levels, layout.to(self.device), pairs)

    def _level(self, rng: np.random.Generator) -> float:
        if rng.random() < self.config.early:
            return float(1 - 0.2 * 0.01 ** rng.random())
        return float(rng.uniform(self.least, 1))

    def _predicted(self, asked: Asked, encoder: nn.Module, prompts: list[str]) -> Tensor:
        texts = encoder([self.model.tokenizer.encode(prompt) for prompt in prompts])
        return self.model.predicted(asked.noisy, asked.levels, asked.layout, texts)


def _fillers(knowledge: Knowledge, taught: Sequence[str]) -> list[str]:
    """Words that say nothing to a model, and none that is withheld from training."""
    ends = "top", "bottom", "centre", "center", "above", "below", "upper", "lower"
    heard = [word for words in (paraphrases.SUBJECTS, paraphrases.COLOURS) for _, some in words.values() for word in some]
    rarer = [word for words in (loose.RARER_SUBJECTS, loose.RARER_COLOURS) for some in words.values() for word in some]
    withheld = paraphrases.withheld_words()
    return [word for word in knowledge.unrelated([*taught, *ends, *heard, *rarer]) if word not in withheld]
