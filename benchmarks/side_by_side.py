"""Several trainings at once on one device, each in a process of its own, timed over the same seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from typing import Any

READY = 120.0  # seconds until all processes have started


def rates(counts: Sequence[int], side: int, batch: int, device: str, seconds: float) -> Iterator[tuple[int, float]]:
    """(count, images a second of `count` processes together) for each of the rising counts.

    All processes start at once, and those that are not counted wait. RuntimeError where one of them fails.
    """
    context = get_context("spawn")
    barriers, found = [context.Barrier(max(counts)) for _ in counts], context.Queue()
    settings = (barriers, found, counts, side, batch, device, seconds)
    processes = [context.Process(target=_train, args=(number, *settings), daemon=True) for number in range(max(counts))]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if failed := [process.exitcode for process in processes if process.exitcode]:
        raise RuntimeError(f"{len(failed)} of {len(processes)} processes failed")
    of = dict.fromkeys(counts, 0.0)
    for _ in range(sum(counts)):
        count, speed = found.get()
        of[count] += speed
    yield from of.items()


def _train(
    number: int,
    barriers: Sequence[Barrier],
    found: Any,
    counts: Sequence[int],
    side: int,
    batch: int,
    device: str,
    seconds: float,
) -> None:
    import torch

    from benchmarks.device_training import Training
    from renormal.models import L2AE

    torch.set_num_threads(1)
    one = Training(L2AE, side, batch, torch.device(device))
    one.images_per_second(0.0)
    for barrier, count in zip(barriers, counts, strict=True):
        barrier.wait(READY)
        if number < count:
            found.put((count, one.images_per_second(seconds)))
