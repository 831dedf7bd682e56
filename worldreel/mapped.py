"""Weights that lie where their file is mapped: their memory may be let go, and the system reads them again when wanted."""

import ctypes
import mmap
import sys
from collections.abc import Iterable
from pathlib import Path

from torch import Tensor

MADV_DONTNEED = 4


def evict(tensors: Iterable[Tensor]) -> None:
    """Lets go of the memory of those tensors that lie in a mapped file, as `load_tensors` leaves them on the CPU. Nobody may have
    written into them: that would be lost. Others are left alone; and so are all, on other systems than Linux, where the
    system takes such memory back by itself when it runs short."""
    if sys.platform != "linux":
        return
    files, kernel = _mapped_files(), ctypes.CDLL(None)
    for tensor in tensors:
        start, stop = tensor.data_ptr(), tensor.data_ptr() + tensor.nbytes
        if tensor.is_contiguous() and any(first <= start and stop <= last for first, last in files):
            # Whole pages only: a neighbour may have something on the others.
            start, stop = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE, stop // mmap.PAGESIZE * mmap.PAGESIZE
            if start < stop:
                kernel.madvise(ctypes.c_void_p(start), ctypes.c_size_t(stop - start), MADV_DONTNEED)


def give_back() -> None:
    """Lets go of what glibc's allocator keeps though it is free, as after the copies of a large file; others do so themselves."""
    if sys.platform == "linux" and hasattr(kernel := ctypes.CDLL(None), "malloc_trim"):
        kernel.malloc_trim(0)


def _mapped_files() -> list[tuple[int, int]]:
    """Where files are mapped for this process alone (addresses from, up to)."""
    found = []
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, access, _, _, inode, *_ = line.split(maxsplit=5)
        if inode != "0" and access.endswith("p"):
            first, last = (int(end, 16) for end in place.split("-"))
            found.append((first, last))
    return found
