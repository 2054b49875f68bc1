"""What the machine computes natively. Without torch: a sweep's plan asks, too."""

from __future__ import annotations

import os
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
GPUS = Path("/proc/driver/nvidia/gpus")  # a folder for each, from the driver
FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # as Linux lists them for x86-64 and arm64
LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")  # the first that is set counts
WITHOUT = {  # limits under which oneDNN has no bfloat16 of its own
    *("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2"),
    *("AVX512_CORE", "AVX512_CORE_VNNI"),
}


def native_bfloat16() -> bool:
    """Whether products in bfloat16 are faster than in float32. oneDNN may be held to less than the processor has."""
    limit = next((os.environ[name] for name in LIMITS if name in os.environ), "")
    if limit.upper() in WITHOUT or not CPUINFO.is_file():
        return False
    return bool(FLAGS & set(CPUINFO.read_text().split()))


def has_gpu() -> bool:
    """Whether the machine has a GPU of NVIDIA's. torch is not asked."""
    return GPUS.is_dir() and any(GPUS.iterdir())
