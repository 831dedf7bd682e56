"""Attention over a packed sequence: segments of equal length go as one batch, the rest one by one. Nothing is padded."""

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Group:
    """Pairs of equal lengths, which run together: rows of queries [G, Lq] and of keys [G, Lk] in their flat sequences.

    `in_order`: whether rows follow one another from the first, so that views can stand for copies.
    """

    queries: Tensor
    keys: Tensor
    in_order: bool


def grouped(pairs: Iterable[tuple[range, range]], device: torch.device) -> list[Group]:
    """Groups (queries, keys) ranges by their lengths."""
    groups: dict[Hashable, list[tuple[range, range]]] = {}
    for queries, keys in pairs:
        groups.setdefault((len(queries), len(keys)), []).append((queries, keys))
    return [_group([q for q, _ in group], [k for _, k in group], device) for group in groups.values()]


def _group(queries: list[range], keys: list[range], device: torch.device) -> Group:
    in_order = all(rows.start == place * len(rows) for ranges in (queries, keys) for place, rows in enumerate(ranges))
    return Group(_rows(queries, device), _rows(keys, device), in_order)


def _rows(ranges: Sequence[range], device: torch.device) -> Tensor:
    starts = torch.tensor([rows.start for rows in ranges])[:, None]
    return (starts + torch.arange(len(ranges[0]))).to(device)


def attend(q: Tensor, k: Tensor, v: Tensor, groups: Sequence[Group]) -> Tensor:
    """Attention of q [Nq, heads, d] to k and v [Nk, heads, d] within each pair of the groups: [Nq, heads, d]."""
    if len(groups) == 1 and groups[0].in_order and groups[0].queries.numel() == len(q) and groups[0].keys.numel() == len(k):
        rows, columns = groups[0].queries.shape, groups[0].keys.shape
        return _batched(q.unflatten(0, rows), k.unflatten(0, columns), v.unflatten(0, columns)).flatten(0, 1)
    # index_select, not indexing: on CPUs its gradient is ten times faster.
    parts = [_batched(_taken(q, group.queries), _taken(k, group.keys), _taken(v, group.keys)).flatten(0, 1) for group in groups]
    order = torch.cat([group.queries.flatten() for group in groups])
    return torch.cat(parts).index_select(0, order.argsort())


def _taken(x: Tensor, rows: Tensor) -> Tensor:
    out: Tensor = x.index_select(0, rows.flatten()).unflatten(0, rows.shape)
    return out


SHORT = 1024
"""Up to this length, plain matrix products beat the fused kernel on CPUs (1.6 to 4 times, forward and backward, bf16)."""


def _batched(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """[G, L, heads, d] each; same out."""
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    if q.device.type == "cpu" and max(q.shape[2], k.shape[2]) <= SHORT:
        weights = (q @ k.transpose(2, 3) * (1 / math.sqrt(q.shape[-1]))).softmax(dim=-1)
        return (weights @ v).transpose(1, 2)
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2)


class RotaryTable:
    """Cosines and sines of 3-D rotary positions (Su et al. 2021; axes split as in Wan), for interleaved pairs of channels."""

    def __init__(self, positions: Tensor, head_width: int, theta: float = 10_000.0) -> None:
        spatial = 2 * (head_width // 6)
        exact = positions.cpu().double()  # on the CPU, since not every device has doubles
        angles = []
        for axis, width in enumerate((head_width - 2 * spatial, spatial, spatial)):
            frequencies = theta ** -(torch.arange(0, width, 2, dtype=torch.float64) / width)
            angles.append(exact[:, axis, None] * frequencies)
        whole = torch.cat(angles, dim=1)
        self.cos, self.sin = (table.float()[:, None].to(positions.device) for table in (whole.cos(), whole.sin()))

    def rotate(self, x: Tensor) -> Tensor:
        """x [N, heads, d]."""
        even, odd = x.float().unflatten(-1, (-1, 2)).unbind(-1)
        turned = torch.stack([even * self.cos - odd * self.sin, even * self.sin + odd * self.cos], dim=-1)
        return turned.flatten(-2).to(x.dtype)


class Attention(nn.Module):
    """Queries from x; keys and values from x itself or from text. RMS norm of queries and keys across all heads, as in Wan."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.norm_q, self.norm_k = nn.RMSNorm(width, eps=1e-6), nn.RMSNorm(width, eps=1e-6)

    def forward(
        self, x: Tensor, groups: Sequence[Group], rotary: RotaryTable | None = None, text: Tensor | None = None
    ) -> Tensor:
        """x [N, D], text [M, D] or None for self-attention."""
        source = x if text is None else text
        # Norms in fp32, whatever the products are computed in.
        q, k = self._split(self.norm_q(self.q(x).float())), self._split(self.norm_k(self.k(source).float()))
        v = self._split(self.v(source))
        if rotary is not None:
            q, k = rotary.rotate(q), rotary.rotate(k)
        mixed = attend(q.to(v.dtype), k.to(v.dtype), v, groups)
        out: Tensor = self.out(mixed.flatten(1))
        return out

    def _split(self, x: Tensor) -> Tensor:
        out: Tensor = x.unflatten(-1, (self.heads, -1))
        return out
