"""Which precision a device computes in natively, and float32 without shortcuts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import Any

import torch

from renormal.functional.processor import native_bfloat16


@lru_cache(maxsize=8)
def has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 there: other processors emulate it and are slower."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and native_bfloat16()


@contextmanager
def exact_float32() -> Iterator[None]:
    """Inside, float32 products and convolutions compute in float32 on every device, not in TF32 or bfloat16.

    cuDNN takes algorithms that give the same bits each time: of its own choice, two descents of the same images on an
    H100 differed by up to 0.15 after 12 steps. torch's settings of this hold for the whole process, and torch lets
    cuDNN use TF32 from the start. They come back when the last thread has left. In TF32, DSSIM of photographs leaves
    [0, 1].
    """
    with _lock:
        if not _users:
            _found.append(_forbid_shortcuts())
        _users.append(None)
    try:
        yield
    finally:
        with _lock:
            _users.pop()
            if not _users:
                _restore(*_found.pop())


def shortcuts() -> list[str]:
    """How float32 products and convolutions compute now: "ieee" or "none" where they are exact, "tf32" or "bf16"."""
    return [part.fp32_precision for part in _parts()]


_lock, _users, _found = Lock(), list[None](), list[tuple[str | None, bool | None, bool, list[str]]]()


def _parts() -> list[Any]:
    """What has a setting of its own, from torch 2.9 on; before, the two flags of _forbid_shortcuts are all."""
    backends: Any = torch.backends
    ops = (backends.cuda, "matmul"), (backends.cudnn, "conv"), (backends.mkldnn, "matmul"), (backends.mkldnn, "conv")
    parts = [getattr(backend, op, None) for backend, op in ops]
    return [part for part in parts if hasattr(part, "fp32_precision")]


def _forbid_shortcuts() -> tuple[str | None, bool | None, bool, list[str]]:
    """Set everything to float32 and to the same bits each time, and return what was set before."""
    parts, same = shortcuts(), torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    try:
        matmul: str | None = torch.get_float32_matmul_precision()
    except RuntimeError:  # torch does not read it where the new kind of settings says something else
        matmul = None
    try:
        cudnn: bool | None = torch.backends.cudnn.allow_tf32
        torch.backends.cudnn.allow_tf32 = False
    except RuntimeError:  # somebody set only the new kind of settings, which `parts` holds
        cudnn = None
    torch.set_float32_matmul_precision("highest")
    for part in _parts():
        if part.fp32_precision not in ("ieee", "none"):
            part.fp32_precision = "ieee"
    return matmul, cudnn, same, parts


def _restore(matmul: str | None, cudnn: bool | None, same: bool, parts: list[str]) -> None:
    torch.backends.cudnn.deterministic = same
    if matmul is not None:
        torch.set_float32_matmul_precision(matmul)
    if cudnn is not None:
        torch.backends.cudnn.allow_tf32 = cudnn
    for part, before in zip(_parts(), parts, strict=True):
        if part.fp32_precision != before:
            part.fp32_precision = before
