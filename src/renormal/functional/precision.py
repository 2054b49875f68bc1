"""Which precision a device computes in natively."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch

FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # as Linux lists them for x86-64 and arm64


@lru_cache(maxsize=8)
def has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 there: other processors emulate it and are slower."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    cpuinfo = Path("/proc/cpuinfo")
    if device.type != "cpu" or not cpuinfo.is_file():
        return False
    return bool(FLAGS & set(cpuinfo.read_text().split()))
