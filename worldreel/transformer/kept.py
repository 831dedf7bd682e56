"""What need not be computed anew at each step of sampling: what does not change, and (if that is wanted) what hardly does."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from torch import Tensor, nn

MOST = 2**30
"""Bytes of keys and values for one pack: those of a text take 90 MB in Wan's 1.3B, 420 MB in its 14B (bf16)."""
IN_A_ROW = 3
"""Steps at most for which blocks are passed over."""
Made = TypeVar("Made")
Pair = tuple[Tensor, Tensor]


class Kept:
    """What a network makes of a pack's layout, texts and image: positions, who attends to whom, keys and values of the texts.

    It is for one pack, whose layout, texts and image stay as they are, and for weights that do. Whoever samples makes one and
    lets it go; results are the same to the last bit. It holds `most` bytes of keys and values at most, those of further blocks
    are computed anew; and of several networks (experts), what the one that ran last has made.

    `near`, above 0, makes results approximate: where the first block adds to tokens what it added at an earlier step, but for
    that part of it, what the other blocks added then is taken for what they would add now (as "first block caches" do, after
    TeaCache, Liu et al. 2024).
    """

    def __init__(self, most: int = MOST, near: float = 0.0) -> None:
        self.most, self.near = most, near
        self.passed = 0
        """How many calls have passed over blocks."""
        self._owner: nn.Module | None = None
        self._forget()

    def _forget(self) -> None:
        self._prepared: Any = None
        self._pairs: dict[Hashable, Pair] = {}
        self._room = self.most
        self._first: Tensor | None = None
        self._rest: Tensor | None = None
        self._in_a_row = 0

    def prepared(self, network: nn.Module, make: Callable[[], Made]) -> Made:
        """What `make` gives for a network; all that is of another one is forgotten first."""
        if self._owner is not network:
            self._owner = None
            self._forget()
            self._prepared = make()
            self._owner = network
        made: Made = self._prepared
        return made

    def pair(self, name: Hashable, make: Callable[[], Pair]) -> Pair:
        """Keys and values by a name of their own."""
        if name in self._pairs:
            return self._pairs[name]
        made = make()
        size = sum(one.nbytes for one in made)
        if size <= self._room:
            self._room -= size
            self._pairs[name] = made
        return made

    def rest(self, first: Tensor) -> Tensor | None:
        """Of what the first block adds [N, D]: what the others may be taken to add; None: they must run."""
        if self.near == 0:
            return None
        if self._first is not None and self._rest is not None and self._in_a_row < IN_A_ROW:
            change = (first - self._first).abs().mean() / self._first.float().abs().mean().clamp(min=1e-12)
            if float(change) < self.near:
                self._in_a_row += 1
                self.passed += 1
                return self._rest
        self._first, self._rest, self._in_a_row = first.bfloat16(), None, 0
        return None

    def ran(self, rest: Tensor) -> None:
        """All blocks did; those after the first added this [N, D]."""
        if self.near > 0:
            self._rest = rest.bfloat16()
