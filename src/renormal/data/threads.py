"""Photographs are read in threads: Pillow decodes outside of the interpreter's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tqdm import tqdm

from renormal.console.program import said_if_slow
from renormal.data.opening import strict_pillow
from renormal.data.source import DataError

WORKERS = 8  # ours: more threads only hold more full-size images

T = TypeVar("T")
R = TypeVar("R")


def in_threads(work: Callable[[T], R], inputs: Sequence[T], title: str) -> list[R]:
    """`work` over the inputs in order, with a progress bar or a line; the first bad file ends it."""
    with (
        said_if_slow(f"{title}, {len(inputs)} files"),
        strict_pillow(),
        ThreadPoolExecutor(min(WORKERS, os.cpu_count() or 1)) as pool,
    ):
        try:
            return list(tqdm(pool.map(work, inputs), title, len(inputs), leave=False, disable=None, unit="image"))
        except DataError:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
