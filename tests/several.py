"""Ranks of one job inside a test: processes that srun or torchrun would have started."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

import torch
import torch.multiprocessing


def free_port() -> int:
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        port: int = candidate.getsockname()[1]
        return port


def as_ranks(count: int, work: Callable[..., None], *arguments: Any) -> None:
    """Run work(rank, *arguments) in `count` processes that know of one another as Lightning wants it."""
    torch.multiprocessing.spawn(_rank, args=(count, free_port(), work, arguments), nprocs=count)


def _rank(rank: int, count: int, port: int, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    os.environ |= {"LOCAL_RANK": str(rank), "NODE_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ["OMP_NUM_THREADS"] = "1"
    work(rank, *arguments)
    torch.distributed.destroy_process_group()
