"""Several trainings at once on one device, each in a process of its own, timed over the same seconds."""

from __future__ import annotations

from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from typing import Any

READY = 120.0  # seconds until all processes have started


def rates(count: int, side: int, batch: int, device: str, seconds: float) -> list[float]:
    """Images a second of each of `count` processes. RuntimeError where one of them fails."""
    context = get_context("spawn")
    barrier, found = context.Barrier(count), context.Queue()
    processes = [
        context.Process(target=_train, args=(barrier, found, side, batch, device, seconds), daemon=True)
        for _ in range(count)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if failed := [process.exitcode for process in processes if process.exitcode]:
        raise RuntimeError(f"{len(failed)} of {count} processes failed")
    return [found.get() for _ in processes]


def _train(barrier: Barrier, found: Any, side: int, batch: int, device: str, seconds: float) -> None:
    import torch

    from benchmarks.device_training import Training
    from renormal.models import L2AE

    torch.set_num_threads(1)
    one = Training(L2AE, side, batch, torch.device(device))
    one.images_per_second(0.0)
    barrier.wait(READY)
    found.put(one.images_per_second(seconds))
