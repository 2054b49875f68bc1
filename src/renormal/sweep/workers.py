"""Jobs side by side on one machine: a device and a share of the cores for each, and none outlives its sweep."""

from __future__ import annotations

import fcntl
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO

SLOTS, DEVICES = "RENORMAL_SLOTS", "RENORMAL_DEVICES"  # from the sweep to its jobs
GRACE = 5.0  # seconds to end orderly, ours
_held: list[IO[str]] = []  # locks that a process keeps until it ends: its slot, or its sweep


@contextmanager
def side_by_side(jobs: int | None) -> Iterator[int]:
    """The environment of jobs that run side by side. jobs: null is one for each GPU, or core where there is none."""
    devices = visible_devices()
    count = how_many(jobs, len(devices), cores())
    threads = str(max(1, cores() // count))
    with tempfile.TemporaryDirectory(prefix="renormal-") as folder:
        _held.append((Path(folder) / "sweep").open("w"))
        fcntl.flock(_held[-1], fcntl.LOCK_EX)  # for as long as this process lives
        for slot in range(count):
            (Path(folder) / str(slot)).touch()
        news = {SLOTS: folder, DEVICES: ",".join(devices)}
        before = dict(os.environ)
        os.environ.update({"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, **news})
        try:
            yield count
        finally:
            os.environ.clear()
            os.environ.update(before)


def how_many(jobs: int | None, devices: int, cores: int) -> int:
    """null: one for each device. -1: one for each core, -2: one core less."""
    if jobs is None:
        return max(1, devices or cores)
    count = jobs if jobs > 0 else cores + 1 + jobs
    if jobs == 0 or count < 1:
        raise ValueError(f"hydra.launcher.n_jobs must be at least 1, or null, got {jobs}")
    return count


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def visible_devices() -> list[str]:
    """As CUDA names them: of CUDA_VISIBLE_DEVICES where it is set."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip()]
    import torch

    return [str(index) for index in range(torch.cuda.device_count())]


@cache
def own_slot() -> int:
    """This process's place among those that run side by side, and with it its device; 0 for a job alone.

    Called before CUDA starts, which reads the variable once.
    """
    if SLOTS not in os.environ:
        return 0
    slot = _free_slot(Path(os.environ[SLOTS]))
    devices = [name for name in os.environ.get(DEVICES, "").split(",") if name]
    if devices:
        os.environ["CUDA_VISIBLE_DEVICES"] = devices[slot % len(devices)]
    threading.Thread(target=_follow, args=(Path(os.environ[SLOTS]) / "sweep",), daemon=True).start()
    return slot


def _free_slot(folder: Path) -> int:
    """Waits while the last holder is still ending."""
    while True:
        for path in sorted(folder.glob("[0-9]*"), key=lambda path: int(path.name)):
            file = path.open("a")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                continue
            _held.append(file)
            return int(path.name)
        time.sleep(0.1)


def _follow(life: Path) -> None:
    """End this process when its sweep has ended, however it did: the kernel then gives its lock away."""
    with life.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)
