"""The two ceilings of a device, measured on it, and the bytes and operations of a piece of work."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.flop_counter import flop_registry

from renormal.functional.transfer import waited_for

TIMES = 10  # copies or products that are timed, ours


class Work(NamedTuple):
    """Bytes that operations read and write, as if no cache kept any, and multiplications and additions."""

    bytes: float
    operations: float


@dataclass(frozen=True)
class Ceilings:
    """Bytes and bfloat16 operations a second."""

    bytes: float
    operations: float

    @staticmethod
    @lru_cache
    def measured(device: torch.device, side: int) -> Ceilings:
        return Ceilings(copied(device, side), multiplied(device, side, torch.bfloat16))


def copied(device: torch.device, side: int) -> float:
    """Bytes a second of a copy within the device's memory, those read and those written."""
    one = torch.rand(16, side, side, device=device, dtype=torch.float32) if side > 1000 else torch.rand(side, side)
    other = torch.empty_like(one)
    return 2 * one.nbytes / _seconds(lambda: other.copy_(one), device)


def multiplied(device: torch.device, side: int, dtype: torch.dtype) -> float:
    """Operations a second of a product of two square matrices."""
    one, other = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    return 2 * side**3 / _seconds(lambda: one @ other, device)


def work_of(run: Callable[[], Any]) -> Work:
    """What one call of `run` reads, writes and computes."""
    with _Counting() as counted:
        run()
    return Work(counted.bytes, counted.operations)


class _Counting(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.bytes, self.operations = 0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            self.bytes += sum(one.nbytes for one in tree_iter((args, kwargs, out)) if isinstance(one, Tensor))
        if func.overloadpacket in flop_registry:
            self.operations += flop_registry[func.overloadpacket](*args, **(kwargs or {}), out_val=out)
        return out


def _seconds(run: Callable[[], Any], device: torch.device) -> float:
    for _ in range(3):
        run()
    waited_for(device)
    start = time.perf_counter()
    for _ in range(TIMES):
        run()
    waited_for(device)
    return (time.perf_counter() - start) / TIMES
