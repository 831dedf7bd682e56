"""Storyboard: prompts, images, clips and cuts on a timeline."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from worldreel.config import Config
from worldreel.errors import UserError
from worldreel.media.read import read
from worldreel.prompting.bounds import Bounds
from worldreel.prompting.canvas import Canvas, Cue, blank, unknown
from worldreel.prompting.composition import Composition, Made, counted, taken
from worldreel.prompting.modes import mode
from worldreel.shapes import VideoShape


class Card(Config):
    """What holds from a time on. `prompt`: until the next card with a prompt; `image`, `clip`: files whose frames are shown
    from then on; `cut`: a new shot begins."""

    at: float = Field(ge=0)
    prompt: str | None = None
    image: Path | None = None
    clip: Path | None = None
    cut: bool = False


class Board(Config):
    """A storyboard file, in JSON."""

    cards: tuple[Card, ...] = Field(min_length=1)
    seconds: float
    size: str | None = None
    fps: float | None = None


@mode
def storyboard(file: Annotated[Path, "The storyboard, a JSON file."], *, within: Bounds) -> Composition:
    """The video of a storyboard: a JSON file of `cards` ({"at": seconds, "prompt": ..., "image": ..., "clip": ..., "cut":
    true}), `seconds`, and, where wanted, `size` and `fps`. Files are found from the storyboard's folder."""
    board = Board.load(file)
    width, height = within.size(board.size)
    rate = within.rate(board.fps)
    count = within.length(board.seconds, None, rate)
    within.check(VideoShape(count, height, width), rate)
    pixels, ceilings = blank(count, height, width), unknown(count)
    for card in board.cards:
        if card.at >= board.seconds:
            raise UserError(f"{file}: a card at {card.at:g} s is not inside of {board.seconds:g} s")
        _place(card, file.parent, rate, pixels, ceilings)
    cuts = sorted({round(card.at * rate) for card in board.cards if card.cut} - {0, count})
    canvas = Canvas(pixels, ceilings, rate, _cues(board, file), tuple(cuts))
    return Composition((Made(canvas, 0, count),), width, height, rate)


def _place(card: Card, folder: Path, rate: Fraction, pixels: np.ndarray, ceilings: np.ndarray) -> None:
    """Puts a card's image or clip where it belongs, as much of it as there is room for."""
    if card.image is not None and card.clip is not None:
        raise UserError(f"the card at {card.at:g} s has both an image and a clip; give it one of them")
    path = card.image or card.clip
    if path is None:
        return
    source = read(folder / path)
    clip = counted(source.slice(0, 1) if card.image else source.resampled(rate), str(path))
    start = round(card.at * rate)
    shown = min(clip.frame_count or 1, len(pixels) - start)
    pixels[start : start + shown] = taken(clip, range(shown), pixels.shape[2], pixels.shape[1])
    ceilings[start : start + shown] = 0


def _cues(board: Board, file: Path) -> tuple[Cue, ...]:
    cues = [Cue(card.at, card.prompt) for card in sorted(board.cards, key=lambda card: card.at) if card.prompt]
    if not cues:
        raise UserError(f"{file}: no card has a prompt; give one to the first")
    if any(one.start == two.start for one, two in pairwise(cues)):
        raise UserError(f"{file}: two cards at one time have a prompt; give them different times")
    return (cues[0]._replace(start=0.0), *cues[1:])
