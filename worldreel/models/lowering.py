"""A canvas in a model's own terms: runs of latents, a ceiling for each token, the clean tokens of what is known."""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from worldreel.flow import shifted
from worldreel.models.bundle import Bundle
from worldreel.models.lowered import Lowered, Piece
from worldreel.patches import to_tokens
from worldreel.prompting.canvas import Canvas, Run
from worldreel.shapes import VideoShape


def lower(model: Bundle, canvas: Canvas) -> Lowered:
    """Encodes what is known of a canvas, run by run: nothing that comes before a run leaks into it."""
    runs = canvas.runs() if model.config.many_runs else [Run(0, canvas.frames)]
    pieces = tuple(_piece(model, canvas, run) for run in runs)
    known, ceilings, readers = [], [], list[tuple[int, int]]()
    for piece in pieces:
        levels = token_ceilings(canvas, piece, model)
        known.append(_known(model, canvas, piece, levels))
        ceilings.append(levels)
        for number in range(piece.grid.frames):
            last = (piece.run.stop - 1) / float(canvas.fps)  # what the codec adds at a run's end is of the run
            cue = canvas.cue_at(min(piece.grid.start + number * piece.grid.seconds, last))
            count = piece.grid.tokens // piece.grid.frames
            if readers and readers[-1][1] == cue:
                readers[-1] = (readers[-1][0] + count, cue)
            else:
                readers.append((count, cue))
    device = model.device
    lowered = Lowered(pieces, torch.cat(known).to(device), torch.cat(ceilings).to(device), tuple(readers))
    return model.ruled(canvas, lowered)


def share_to_level(shares: Tensor, shift: float) -> Tensor:
    """The level [N] above which a schedule spends 1 - `shares` of its steps; nothing and all stay exactly that."""
    return torch.where((shares > 0) & (shares < 1), shifted(shares, shift), shares)


def token_ceilings(canvas: Canvas, piece: Piece, model: Bundle) -> Tensor:
    """[N]: the highest ceiling of the pixels that a token covers; what is added at the edges is as its neighbours are."""
    run, shape, grid = piece.run, piece.shape, piece.grid
    ceilings = np.broadcast_to(canvas.ceilings[run.start : run.stop], (run.stop - run.start, canvas.height, canvas.width))
    missing = [(0, wanted - there) for wanted, there in zip(shape, ceilings.shape, strict=True)]
    whole = torch.from_numpy(np.pad(ceilings, missing, mode="edge"))
    time, side = model.config.autoencoder.compression.time, model.config.autoencoder.compression.space * model.config.patch
    # The first frame has a latent frame of its own.
    latent = torch.cat([whole[:1], whole[1:].unflatten(0, (-1, time)).amax(dim=1)])
    pooled = F.max_pool2d(latent[:, None], side)[:, 0]
    assert pooled.shape == (grid.frames, grid.height, grid.width)
    return pooled.flatten()


def _piece(model: Bundle, canvas: Canvas, run: Run) -> Piece:
    shape = model.config.padded(VideoShape(run.stop - run.start, canvas.height, canvas.width))
    grid = model.config.grid(shape, canvas.fps)._replace(start=run.start / float(canvas.fps))
    return Piece(run, shape, grid)


def _known(model: Bundle, canvas: Canvas, piece: Piece, ceilings: Tensor) -> Tensor:
    """Clean tokens [N, C] of a run, encoded up to the last latent frame that something is known of: the codec is causal."""
    grid = piece.grid
    count = grid.tokens // grid.frames
    frames = (ceilings.view(grid.frames, -1).amin(dim=1) < 1).nonzero()
    last = int(frames[-1]) + 1 if len(frames) else 0
    tokens = torch.zeros(grid.tokens, model.config.token_channels)
    if last:
        compression = model.config.autoencoder.compression
        pixels = 1 + (last - 1) * compression.time
        stream = model.encode_latents(_chunks(canvas, piece, pixels, model.device), piece.shape.height, piece.shape.width)
        latents = torch.cat(list(stream), dim=2)[0]
        tokens[: last * count] = to_tokens(latents.cpu(), model.config.patch)
    return tokens


def _chunks(canvas: Canvas, piece: Piece, count: int, device: torch.device) -> Iterator[Tensor]:
    """The first `count` frames of a run [1, 3, 1, H, W] in [-1, 1], sides and end continued by their last pixels and frame.

    A frame of which nothing is known shows the nearest one of which something is, so that it tells nothing. In a run of
    `Canvas.runs` none lies before a known one; where weights know a single run, some do.
    """
    run = piece.run
    some = np.flatnonzero(canvas.ceilings[run.start : run.stop].min(axis=(1, 2)) < 1) + run.start
    for number in range(count):
        wanted = min(run.start + number, run.stop - 1)
        nearest = int(some[np.abs(some - wanted).argmin()])
        yield picture(canvas, piece, nearest).to(device)


def picture(canvas: Canvas, piece: Piece, frame: int) -> Tensor:
    """One frame of a canvas [1, 3, 1, H, W] in [-1, 1], its sides continued to those of a run's shape."""
    edges = ((0, piece.shape.height - canvas.height), (0, piece.shape.width - canvas.width), (0, 0))
    pixels = torch.from_numpy(np.pad(canvas.pixels[frame], edges, mode="edge"))
    return (pixels.permute(2, 0, 1).float() / 127.5 - 1)[None, :, None]
