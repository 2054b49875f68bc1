"""Several threads on one CPU, each of which moves slots of its own.

A small network cannot keep several threads busy within one operation. Samples need nothing of each other, so each
thread takes some of them through whole iterations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")


def threads_for(samples: int, slots: int, device: torch.device) -> int:
    """As many as torch has threads and as the samples fill; 1 on a GPU, which its slots fill."""
    return max(1, min(torch.get_num_threads(), samples // max(1, slots))) if device.type == "cpu" else 1


@contextmanager
def torch_threads_shared(threads: int) -> Iterator[None]:
    """Inside: one thread of torch for each of several threads; a single one keeps all of them."""
    before = torch.get_num_threads()
    try:
        if threads > 1:
            torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(before)


def in_threads(run: Callable[[T], None], parts: Sequence[T], abandon: Callable[[], None]) -> None:
    """Call `run` on each part in a thread of its own. The first error ends all of them and is raised.

    abandon: makes the other calls of `run` return soon.
    """
    if len(parts) == 1:
        run(parts[0])
        return
    with ThreadPoolExecutor(len(parts), thread_name_prefix="descent") as pool:
        try:
            for call in as_completed([pool.submit(run, part) for part in parts]):
                call.result()
        except BaseException:  # Ctrl-C too: the pool waits for its threads
            abandon()
            raise
