"""Bytes of tensors that live at once, counted at every operation: exact on the CPU, and needs no large model."""

import weakref

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Counting(TorchDispatchMode):
    """Within it, `peak` is the most that was alive at once of what was made there; `apart`: modules that were there before."""

    def __init__(self, *apart: nn.Module) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._known = weakref.WeakValueDictionary()
        for module in apart:
            for tensor in [*module.parameters(), *module.buffers()]:
                storage = tensor.untyped_storage()
                self._known[storage._cdata] = storage

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        for tensor in tree_leaves((args, kwargs)):
            self._count(tensor)
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            self._count(tensor)
        return out

    def _count(self, tensor):
        if not isinstance(tensor, Tensor):
            return
        storage = tensor.untyped_storage()
        if storage._cdata in self._known:
            return
        self._known[storage._cdata] = storage
        size = storage.nbytes()
        weakref.finalize(storage, self._freed, size)
        self.live += size
        self.peak = max(self.peak, self.live)

    def _freed(self, size):
        self.live -= size
