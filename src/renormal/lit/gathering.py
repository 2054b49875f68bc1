"""What ranks exchange: parts of a result, sums, and the answer of the first one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import lightning as L
import torch
import torch.distributed
from torch import Tensor

T = TypeVar("T")


def first_rank_decides(trainer: L.Trainer, answer: Callable[[], T]) -> T:
    """Rank 0's answer, on every rank: of two ranks that read one folder, one may read it before a change, one after."""
    own = answer() if trainer.is_global_zero else None
    whole: T = trainer.strategy.broadcast(own)  # type: ignore[assignment]
    return whole


def gathered(part: T) -> list[T]:
    """The parts of all ranks in their order, on every rank. All ranks must call it, in the same order."""
    if not _several():
        return [part]
    parts: list[T] = [part] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(parts, part)
    return parts


def summed(part: Tensor, device: torch.device) -> Tensor:
    """Σ over ranks of a tensor on the CPU. device: of this rank; NCCL sums there."""
    if not _several():
        return part
    whole = part.to(device, copy=True)
    torch.distributed.all_reduce(whole)
    return whole.cpu()


def _several() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
