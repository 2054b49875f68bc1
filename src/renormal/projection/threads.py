"""Several descents side by side on one CPU: threads that each move slots of their own.

A small network cannot keep the threads of one operation busy; samples need nothing of each other, so that each thread
takes some of them through whole iterations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")


def lanes_of(samples: int, slots: int, device: torch.device) -> int:
    """As many as torch has threads and as the samples fill; a GPU is filled by its slots."""
    return max(1, min(torch.get_num_threads(), samples // max(1, slots))) if device.type == "cpu" else 1


@contextmanager
def threads_of(lanes: int) -> Iterator[None]:
    """One thread of torch for each of several lanes; a single one keeps them all."""
    threads = torch.get_num_threads()
    try:
        if lanes > 1:
            torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(threads)


def side_by_side(run: Callable[[T], None], lanes: Sequence[T], abandon: Callable[[], None]) -> None:
    """Call `run` on each in a thread of its own. The first error ends all and is raised.

    abandon: makes the other calls of `run` return soon.
    """
    if len(lanes) == 1:
        run(lanes[0])
        return
    with ThreadPoolExecutor(len(lanes), thread_name_prefix="lane") as pool:
        try:
            for lane in as_completed([pool.submit(run, lane) for lane in lanes]):
                lane.result()
        except BaseException:  # Ctrl-C too: the pool waits for its threads
            abandon()
            raise
