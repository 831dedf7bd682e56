import json

import pytest
import torch

from tests.cli.conftest import listing
from worldreel.models import Model


def test_what_will_lie_where_is_said(generate, work):
    ended = generate("a dog", "--memory", "1GB", "--seed", 1, "--out", "a.webp", "--json")
    assert ended.status == 0
    assert "memory: 2 blocks: all stay on the device; about " in ended.err
    told = json.loads(ended.out)["memory"]
    assert (told["blocks"], told["resident"]) == (2, 2) and 0 < told["peak"] < 2**30
    assert generate("a dog", "--seed", 1, "--out", "b.webp").status == 0
    assert (work / "a.webp").read_bytes() == (work / "b.webp").read_bytes()


def test_what_cannot_fit_is_refused(generate, refused, work):
    least = json.loads(generate("a dog", "--memory", "1GB", "--json", "--out", "x.webp").out)["memory"]["peak"]
    words = ("a dog", "--size", "512x384", "--seconds", 2)
    refused(generate(*words, "--memory", f"{least / 2**20 + 1:.0f}MB"), "512x384 with 24 frames takes at least", "--size ")
    refused(generate("a dog", "--memory", "1MB"), "--memory 1 MB: 32x32 with 6 frames takes at least", "MB would do")
    refused(generate("a dog", "--memory", "8"), "--memory '8' is no amount of memory; write it as 8GB or 800MB")
    assert listing(work) == ["x.webp"]


ERRORS = [
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
    torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 20.00 GiB"),
]


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("where", ["denoise", "decode_latents"])
def test_memory_that_runs_out(generate, refused, work, monkeypatch, error, where):
    """The smaller setting that is named, is."""

    def fail(*rest):
        raise error

    monkeypatch.setattr(Model, where, fail)
    says = "this takes more memory than there is: 512x384 with 24 frames about "
    refused(generate("a dog", "--size", "512x384", "--seconds", 2), says, "; --size ", " or --frames ", " may do")
    assert listing(work) == []
