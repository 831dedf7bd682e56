"""Which device, and which number format it computes well in."""

import os
import platform
import re
import shutil
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from pathlib import Path

# CPU kernels are made for each shape and kept; packs and captions of many lengths need room for more than the default 1,024.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16384")

import torch

from worldreel.errors import UserError
from worldreel.files import cache_folder

TILES = torch.cpu._is_amx_tile_supported()
"""Whether this CPU multiplies matrices of bf16 in tiles (AMX)."""


def pick_device(name: str | None = None) -> torch.device:
    """The named device, or the best one there is. Raises UserError for a device that is not there."""
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"--device {name!r} is not available here; use cpu") from error
    return device


def parse_memory(text: str) -> int:
    """Bytes of an amount such as 8GB, 7.5GB or 800MB, in units of 2^30 and 2^20, as makers of cards count. Raises UserError."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)\s*(GB|GiB|G|MB|MiB|M)", text.strip(), re.IGNORECASE)
    if found is None or float(found[1]) == 0:
        raise UserError(f"--memory {text!r} is no amount of memory; write it as 8GB or 800MB")
    return int(float(found[1]) * 2 ** (30 if found[2].upper().startswith("G") else 20))


def overhead(kind: str) -> int:
    """Bytes that a kind of device (cpu, cuda, mps) takes beside tensors, roughly: driver, libraries, their workspaces; on a CPU
    what a process holds once all that it needs is imported."""
    return {"cuda": 600 * 2**20, "cpu": 384 * 2**20}.get(kind, 0)


def compiles(device: torch.device) -> bool:
    """Whether networks are compiled on a device by default: on CUDA, where Triton is there and what builds its launchers."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if device.type != "cuda" or find_spec("triton") is None or compiler is None:
        return False
    # Kernels are kept beside all else that can be made again, and not where a restart clears them away.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder() / "kernels"))
    return True


def free_memory(device: torch.device) -> int | None:
    """Bytes that can still be had on a device; None where nobody says."""
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + cached
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def compute_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the hardware multiplies it natively, else float32 (emulated bf16 is slower than fp32)."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    if device.type == "cpu":
        native = torch.cpu._is_avx512_bf16_supported() if platform.machine() in ("x86_64", "AMD64") else False
        return torch.bfloat16 if native else torch.float32
    return torch.float32


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[object]:
    """Mixed precision: fp32 weights, matrix products in `dtype`. A no-op for float32."""
    if dtype == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, dtype=dtype)


def describe(device: torch.device) -> str:
    """The hardware in words, for records."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_processor()}, {torch.get_num_threads()} threads"


def _processor() -> str:
    """The processor's own name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
