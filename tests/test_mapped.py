"""Memory of weights in a mapped file is let go, and they are there again when they are looked at; free memory is given back."""

import re
import sys
from pathlib import Path

import torch

from worldreel.checkpoints import load_tensors, save_tensors
from worldreel.mapped import evict, give_back

MB = 2**20
ON_LINUX = sys.platform == "linux"


def resident(kind="File"):
    """Bytes of this process's memory that lie in files (or in none: Anon), as Linux says."""
    if not ON_LINUX:
        return 0
    return int(re.search(rf"Rss{kind}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024


def test_memory_is_let_go_and_comes_back(tmp_path):
    kept = {name: torch.randn(4 * MB, generator=torch.Generator().manual_seed(number)) for number, name in enumerate("ab")}
    save_tensors(tmp_path / "weights.safetensors", kept)
    found = load_tensors(tmp_path / "weights.safetensors")
    assert all(torch.equal(found[name], kept[name]) for name in kept)
    before = resident()
    evict([found["a"]])
    assert abs(before - resident() - (16 * MB if ON_LINUX else 0)) < MB
    assert all(torch.equal(found[name], kept[name]) for name in kept)
    assert resident() > before - MB


def test_what_lies_in_no_file_is_left_alone():
    tensors = [torch.arange(MB), torch.arange(MB)[::2], torch.empty(0), torch.arange(3)]
    wanted = [tensor.clone() for tensor in tensors]
    evict(tensors)
    assert all(torch.equal(one, other) for one, other in zip(tensors, wanted, strict=True))


def test_free_memory_is_given_back():
    pieces = [torch.ones(MB // 64) for _ in range(2000)]  # 64 kB each, from the heap
    held, last = resident("Anon"), pieces[-1]
    pieces.clear()
    give_back()
    assert not ON_LINUX or held - resident("Anon") > 100 * MB
    assert last.sum() == MB // 64
