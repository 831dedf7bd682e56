"""Blocks whose weights lie in host memory, or in a file, and come to the device as they run, so that a network may be larger."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Protocol

import torch
from torch import Tensor, nn

from worldreel.mapped import evict

Form = Callable[[str, Tensor], torch.dtype]
"""In which format a weight is computed with, by its name in its block."""


class Mover(Protocol):
    """Brings the weights of a block to the device. They stay in host memory too, so that to drop them moves nothing."""

    ahead: int
    """How many blocks may be on their way while another runs."""

    def fetch(self, block: nn.Module) -> None:
        """Begins to bring it."""

    def ready(self, block: nn.Module) -> None:
        """Its weights are there for whatever runs from now on."""

    def drop(self, block: nn.Module) -> None:
        """Lets the device's copy go, once what runs with it is done."""


class Copies:
    """By plain copies: each block is there when `fetch` returns."""

    ahead = 0

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._host: dict[nn.Module, list[tuple[Tensor, Tensor]]] = {}

    def fetch(self, block: nn.Module) -> None:
        # Taken now and not before: a LoRA may have put other tensors in their place.
        named = list(chain(block.named_parameters(), block.named_buffers()))
        with torch.inference_mode(False):  # else the parameters would become tensors of this inference
            copies = [self._copied(name, tensor.data) for name, tensor in named]  # all before any is put: memory may run out
            self._host[block] = [(tensor, tensor.data) for _, tensor in named]
            for (_, tensor), copy in zip(named, copies, strict=True):
                tensor.data = copy

    def ready(self, block: nn.Module) -> None:
        pass

    def drop(self, block: nn.Module) -> None:
        for tensor, host in self._host.pop(block):
            tensor.data = host

    def _copied(self, name: str, host: Tensor) -> Tensor:
        return host.to(self.device)


class Mapped(Copies):
    """On the CPU, of weights that lie in a mapped file, as they were saved. They are there when they are looked at; those which
    are computed with in another format are copied. Afterwards their memory is let go."""

    def __init__(self, form: Form) -> None:
        super().__init__(torch.device("cpu"))
        self.form = form

    def drop(self, block: nn.Module) -> None:
        hosts = [host for _, host in self._host[block]]
        super().drop(block)
        evict(hosts)

    def _copied(self, name: str, host: Tensor) -> Tensor:
        copy = host.to(self.form(name, host)) if host.is_floating_point() else host
        if copy is not host:
            evict([host])
        return copy


class Streamed(Copies):
    """By a CUDA stream of its own, out of pinned memory: one block comes while another runs."""

    ahead = 1

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        self.stream = torch.cuda.Stream(device)
        self._there: dict[nn.Module, torch.cuda.Event] = {}

    def fetch(self, block: nn.Module) -> None:
        with torch.cuda.stream(self.stream):
            super().fetch(block)
            self._there[block] = self.stream.record_event()

    def ready(self, block: nn.Module) -> None:
        if block in self._there:
            torch.cuda.current_stream(self.device).wait_event(self._there.pop(block))

    def drop(self, block: nn.Module) -> None:
        self._there.pop(block, None)
        # This program is far ahead of the device. Without a wait, blocks to come would pile up beside those yet to run.
        torch.cuda.current_stream(self.device).synchronize()
        super().drop(block)

    def _copied(self, name: str, host: Tensor) -> Tensor:
        return host.to(self.device, non_blocking=True)


class Offload:
    """Runs through blocks: `resident` of them stay on the device once they have run, the others leave it after each run."""

    def __init__(self, mover: Mover, resident: int = 0) -> None:
        self.mover, self.resident = mover, resident
        self._here: dict[nn.Module, None] = {}

    def run(self, blocks: Iterable[nn.Module]) -> Iterator[nn.Module]:
        """Each block in turn, its weights on the device until the next is asked for."""
        line = list(blocks)
        guests = self.guests(line)
        for block in [one for one in self._here if one in guests]:  # of a run that was broken off, or was told otherwise
            self._drop(block)
        waiting, coming = iter(guests), 0
        for block in line:
            if block in guests:
                while coming < 1 + self.mover.ahead and (following := next(waiting, None)) is not None:
                    self._fetch(following)
                    coming += 1
            else:
                self._fetch(block)
            self.mover.ready(block)
            yield block
            if block in guests:
                self._drop(block)
                coming -= 1

    def guests(self, blocks: Sequence[nn.Module]) -> list[nn.Module]:
        """Those that come and go, evenly among the others: copies then have the longest time to be made in."""
        count = max(0, len(blocks) - self.resident)
        places = range(len(blocks))
        return [blocks[at] for at in places if (at + 1) * count // len(blocks) > at * count // len(blocks)]

    def leave(self) -> None:
        """All blocks leave the device, until they run again."""
        for block in list(self._here):
            self._drop(block)

    def _fetch(self, block: nn.Module) -> None:
        if block not in self._here:
            self.mover.fetch(block)
            self._here[block] = None

    def _drop(self, block: nn.Module) -> None:
        del self._here[block]
        self.mover.drop(block)


def offloaded(blocks: nn.ModuleList, device: torch.device, form: Form) -> Offload:
    """For blocks whose weights lie in host memory, which is pinned here for CUDA; for a CPU in a file, in any format."""
    if device.type == "cpu":
        return Offload(Mapped(form))
    if device.type != "cuda":
        return Offload(Copies(device))
    for tensor in chain(blocks.parameters(), blocks.buffers()):
        tensor.data = tensor.data.pin_memory()
    return Offload(Streamed(device))
