"""Attention over a packed sequence: segments of equal length go as one batch, the rest one by one.

No token is padded; of short texts of unequal length, the ends are masked where segments of equal length read them.
"""

import math
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from worldreel.devices import TILES

SHORT = 1024
"""Up to this length, plain matrix products beat the fused kernel on CPUs (1.6 to 4 times, forward and backward, bf16)."""
SHORT_LEARNING = 2048
"""With a gradient (a step of 4,096 tokens in clips of up to 1,575 took a tenth less than with 1,024, two cores of an EPYC)."""
STRIP = 512
"""Queries at a time above it, in bf16 (3.2 times as fast as the fused kernel at 3,024 tokens on two cores of an AMD EPYC)."""
SHORT_BY_TILES = 512
"""With matrix tiles the fused kernel wins without a gradient at every length (1.3 to 6 times, on two cores of an Intel Xeon), and
with one above this."""
FASTEST = [SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
"""Kernels of CUDA, in the order in which they are tried. All are exact."""


@dataclass(frozen=True)
class Rows:
    """Where the batches [G, L] of each group lie in a flat sequence: one after another (`order` is None), or gathered."""

    shapes: tuple[tuple[int, int], ...]
    order: Tensor | None

    @classmethod
    def of(cls, groups: Sequence[Sequence[range]], total: int, device: torch.device) -> "Rows":
        """Groups of ranges in a sequence of `total` rows. In a group, shorter ranges repeat their last row."""
        lengths = [max(len(rows) for rows in group) for group in groups]
        indices = [
            (torch.tensor([rows.start for rows in group])[:, None] + torch.arange(length)).minimum(
                torch.tensor([rows.stop - 1 for rows in group])[:, None]
            )
            for group, length in zip(groups, lengths, strict=True)
        ]
        order = torch.cat([index.flatten() for index in indices])
        in_order = len(order) == total and torch.equal(order, torch.arange(total))
        shapes = tuple((len(group), length) for group, length in zip(groups, lengths, strict=True))
        return cls(shapes, None if in_order else order.to(device))

    def split(self, x: Tensor) -> list[Tensor]:
        """x [N, ...] as one batch [G, L, ...] for each group."""
        if self.order is not None:
            x = x.index_select(0, self.order)  # not indexing: on CPUs its gradient is ten times faster
        parts = x.split([count * length for count, length in self.shapes])
        return [part.unflatten(0, shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """The inverse of `split`, where every row occurs once."""
        x = torch.cat([part.flatten(0, 1) for part in parts])
        return x if self.order is None else x.index_select(0, self.order.argsort())


@dataclass(frozen=True)
class Pairs:
    """Which queries attend to which keys, in groups that run together, and a mask [G, 1, 1, Lk] where keys are unequally many."""

    queries: Rows
    keys: Rows
    masks: tuple[Tensor | None, ...]

    @classmethod
    def of(cls, pairs: Iterable[tuple[range, range]], queries: int, keys: int, device: torch.device) -> "Pairs":
        """Pairs of ranges in sequences of `queries` and `keys` rows."""
        groups: dict[tuple[int, int], list[tuple[range, range]]] = {}
        for asks, answers in pairs:
            # Fused kernels take no masks, so that long ones are grouped by both lengths.
            key = (len(asks), len(answers) if max(len(asks), len(answers)) > SHORT else 0)
            groups.setdefault(key, []).append((asks, answers))
        asking = [[asks for asks, _ in group] for group in groups.values()]
        answering = [[answers for _, answers in group] for group in groups.values()]
        masks = tuple(_mask([len(rows) for rows in group], device) for group in answering)
        return cls(Rows.of(asking, queries, device), Rows.of(answering, keys, device), masks)


def _mask(lengths: Sequence[int], device: torch.device) -> Tensor | None:
    if min(lengths) == max(lengths):
        return None
    hidden = torch.arange(max(lengths)) >= torch.tensor(lengths)[:, None]
    return torch.zeros(hidden.shape).masked_fill(hidden, -math.inf)[:, None, None].to(device)


def attend(q: Tensor, k: Tensor, v: Tensor, pairs: Pairs) -> Tensor:
    """Attention of q [Nq, heads, d] to k and v [Nk, heads, d] within each pair: [Nq, heads, d]."""
    batches = zip(pairs.queries.split(q), pairs.keys.split(k), pairs.keys.split(v), pairs.masks, strict=True)
    return pairs.queries.join([_batched(*batch) for batch in batches])


def short(device: str, dtype: torch.dtype, *, learns: bool = False) -> int:
    """Up to how many queries and keys scores are held whole on a kind of device, in such products (0: they never are)."""
    if device != "cpu":
        return 0
    if TILES and dtype == torch.bfloat16:
        return SHORT_BY_TILES if learns else 0
    return SHORT_LEARNING if learns else SHORT


def _batched(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """[G, L, heads, d] each; same out."""
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    mask = None if mask is None else mask.to(q.dtype)
    learns = torch.is_grad_enabled()
    if max(q.shape[2], k.shape[2]) <= short(q.device.type, q.dtype, learns=learns):
        scores = q @ k.transpose(2, 3) * (1 / math.sqrt(q.shape[-1]))
        weights = (scores if mask is None else scores + mask).softmax(dim=-1)
        return (weights @ v).transpose(1, 2)
    if q.device.type == "cpu" and q.dtype == torch.bfloat16 and mask is None and not learns and not TILES:
        return _by_strips(q, k, v).transpose(1, 2)
    with _kernels(q.device):
        return F.scaled_dot_product_attention(q, k, v, mask).transpose(1, 2)


def _by_strips(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """[G, heads, L, d] each: plain products too, by head and some queries at a time, so that scores stay few."""
    found, scale = torch.empty_like(q), 1 / math.sqrt(q.shape[-1])
    heads = (one for clip in zip(q, k, v, found, strict=True) for one in zip(*clip, strict=True))
    for asked, keys, values, into in heads:
        for rows, part in zip(asked.split(STRIP), into.split(STRIP), strict=True):
            scores = torch.addmm(rows.new_zeros(()), rows, keys.T, beta=0, alpha=scale)
            part.copy_(scores.softmax(dim=-1) @ values)
    return found


def _kernels(device: torch.device) -> AbstractContextManager[None]:
    return sdpa_kernel(FASTEST, set_priority=True) if device.type == "cuda" else nullcontext()


class RotaryTable:
    """Cosines and sines [N, 1, d / 2] of 3-D rotary positions (Su et al. 2021; axes split as in Wan), for interleaved pairs."""

    def __init__(self, positions: Tensor, head_width: int, theta: float = 10_000.0) -> None:
        spatial = 2 * (head_width // 6)
        exact = positions.cpu().double()  # on the CPU, since not every device has doubles
        angles = []
        for axis, width in enumerate((head_width - 2 * spatial, spatial, spatial)):
            frequencies = theta ** -(torch.arange(0, width, 2, dtype=torch.float64) / width)
            angles.append(exact[:, axis, None] * frequencies)
        whole = torch.cat(angles, dim=1)
        self.cos, self.sin = (table.float()[:, None].to(positions.device) for table in (whole.cos(), whole.sin()))


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x [N, heads, d] turned by a rotary table's angles."""
    even, odd = x.unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)


class Attention(nn.Module):
    """Projections around attention. RMS norm of queries and keys across all heads, as in Wan; norms in fp32 always.

    `image`: keys and values of an image too, which the same queries attend to by themselves (Wan 2.1).
    """

    def __init__(self, width: int, heads: int, *, image: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.norm_q, self.norm_k = nn.RMSNorm(width, eps=1e-6), nn.RMSNorm(width, eps=1e-6)
        if image:
            self.image_k, self.image_v = nn.Linear(width, width), nn.Linear(width, width)
            self.norm_image = nn.RMSNorm(width, eps=1e-6)

    def queries(self, x: Tensor) -> Tensor:
        """x [N, D] to [N, heads, d], fp32."""
        return self._split(self.norm_q(self.q(x).float()))

    def keys(self, x: Tensor) -> Tensor:
        """x [N, D] to [N, heads, d], fp32."""
        return self._split(self.norm_k(self.k(x).float()))

    def values(self, x: Tensor) -> Tensor:
        """x [N, D] to [N, heads, d], in the dtype of the products."""
        return self._split(self.v(x))

    def image_keys(self, x: Tensor) -> Tensor:
        """As `keys`, of an image's tokens."""
        return self._split(self.norm_image(self.image_k(x).float()))

    def image_values(self, x: Tensor) -> Tensor:
        return self._split(self.image_v(x))

    def _split(self, x: Tensor) -> Tensor:
        out: Tensor = x.unflatten(-1, (self.heads, -1))
        return out
