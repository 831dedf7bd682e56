"""Which device, and which number format it computes well in."""

import os
import platform
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

# CPU kernels are made for each shape and kept; packs and captions of many lengths need room for more than the default 1,024.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16384")

import torch

from worldreel.errors import UserError


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
