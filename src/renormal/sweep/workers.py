"""Jobs that run at the same time on one machine: a number, a device and a share of the cores for each of them."""

from __future__ import annotations

import fcntl
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path

from renormal.console.program import at_once_by_signals, before_the_end
from renormal.job.lock import BusyError, locked

WORKERS, DEVICES = "RENORMAL_WORKERS", "RENORMAL_DEVICES"  # from a sweep to its jobs: a folder of locks, GPUs
PLANNED_IN = "RENORMAL_PLAN"  # and the name of the file that plans them, see sweep/plan.py
SWEEP = "sweep"  # the lock in that folder that the sweep holds; the others are numbers
TOGETHER = "together"  # a file in that folder: the processes are workers of joblib, which kills all if one ends
NOTICE = 3.0  # seconds from a signal that all processes get to the moment when the sweep's own has followed it, ours
GRACE = 20.0  # seconds between SIGTERM and the end of a job whose sweep has ended, ours
_locks = ExitStack()  # that this process holds until it ends
_sweeps: list[str] = []  # folders of locks of sweeps that this process has begun
_working = threading.Event()  # set while a job runs in this process


@contextmanager
def worker_environment(jobs: int | None) -> Iterator[int]:
    """Set the environment for jobs that run at the same time, and yield how many there may be.

    jobs: null is one for each GPU, or for each core where there is no GPU.
    """
    devices = visible_devices()
    count = how_many(jobs, len(devices), cores())
    threads = str(max(1, cores() // count))
    with tempfile.TemporaryDirectory(prefix="renormal-") as folder:
        _locks.enter_context(locked(Path(folder) / SWEEP, patience=0.0))
        _sweeps.append(folder)
        for number in range(count):
            (Path(folder) / str(number)).touch()
        before = dict(os.environ)
        os.environ.update({WORKERS: folder, DEVICES: ",".join(devices)})
        os.environ.update({"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads})
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
    with at_once_by_signals():
        import torch

    return [str(index) for index in range(torch.cuda.device_count())]


def of_no_sweep() -> None:
    """Forget a sweep that the environment names: a command that a user types is no job of one."""
    for name in (WORKERS, DEVICES, PLANNED_IN):
        os.environ.pop(name, None)


def at_a_time() -> int:
    """How many jobs may run at the same time: asked by one of them."""
    return len(list(Path(os.environ[WORKERS]).glob("[0-9]*"))) if WORKERS in os.environ else 1


@cache
def worker_number() -> int:
    """This process's number among the jobs that run at the same time; 0 for a job alone.

    Chooses the process's GPU by that number. Call it before torch loads: CUDA reads its variable once.
    """
    if WORKERS not in os.environ:
        return 0
    folder = Path(os.environ[WORKERS])
    number = _free_number(folder)
    devices = [name for name in os.environ.get(DEVICES, "").split(",") if name]
    if devices:
        os.environ["CUDA_VISIBLE_DEVICES"] = devices[number % len(devices)]
    threading.Thread(target=_end_with_sweep, args=(folder / SWEEP,), daemon=True).start()
    return number


def _free_number(folder: Path) -> int:
    """The lowest number whose lock is free. Waits for one: the process that had it may still be ending.

    Without the folder the sweep has ended while this process began: it ends, too.
    """
    while (folder / SWEEP).exists():
        for path in sorted(folder.glob("[0-9]*"), key=lambda path: int(path.name)):
            try:
                _locks.enter_context(locked(path, patience=0.0))
            except BusyError:
                continue
            return int(path.name)
        time.sleep(0.1)
    os._exit(1)


def _end_with_sweep(lock: Path) -> None:
    """End this process when the sweep has ended, even if it was killed: the kernel releases its lock then."""
    with suppress(FileNotFoundError), lock.open() as file:  # without the file it has ended already
        fcntl.flock(file, fcntl.LOCK_SH)
    if ends_together() and not _working.is_set():
        end_together()
        os._exit(1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)


@contextmanager
def ending_alone() -> Iterator[None]:
    """A signal to one worker ends that process at once: joblib would hand its SystemExit to the sweep, and end all."""
    if ends_together() and sweep_has_ended():  # joblib handed out a job just before
        end_together()
        os._exit(1)
    _working.set()
    try:
        yield
    except SystemExit as end:
        if not in_worker():
            raise
        end_together()
        os._exit(end.code if isinstance(end.code, int) else 1)
    finally:
        _working.clear()


def in_worker() -> bool:
    """Whether another process has started this one for its sweep."""
    return os.environ.get(WORKERS, "") not in ("", *_sweeps)


def ends_together() -> bool:
    """Whether this is a worker of joblib."""
    return in_worker() and (Path(os.environ[WORKERS]) / TOGETHER).exists()


def sweep_has_ended() -> bool:
    """Whether the sweep of this worker has released its lock."""
    path = Path(os.environ[WORKERS]) / SWEEP
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        pass
    return True


def end_together() -> None:
    """In a worker of joblib whose sweep ends: free its number, and wait for the sweep to kill it.

    joblib kills all workers with SIGKILL when one has ended: the others may still be saving. Returns at once elsewhere,
    after NOTICE where the sweep goes on, and when the sweep's process is gone.
    """
    if not ends_together():
        return
    sweep, limit = os.getppid(), time.monotonic() + NOTICE
    while not sweep_has_ended():
        if time.monotonic() > limit:
            return
        time.sleep(0.1)
    _locks.close()
    limit = time.monotonic() + GRACE
    while os.getppid() == sweep != 1 and time.monotonic() < limit:
        time.sleep(0.1)


@contextmanager
def saved_by_signals() -> Iterator[None]:
    """In the block, which runs workers of joblib, a signal to the sweep ends it when all have saved their jobs."""
    folder = Path(os.environ[WORKERS])
    (folder / TOGETHER).touch()
    quiet = "ignore:resource_tracker:UserWarning"  # of a worker that was killed: its semaphores are cleaned up
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, (os.environ.get("PYTHONWARNINGS"), quiet)))

    def end_workers() -> None:
        _locks.close()  # each worker waits for this, see _end_with_sweep
        limit = time.monotonic() + GRACE + NOTICE
        while any(map(_taken, folder.glob("[0-9]*"))) and time.monotonic() < limit:
            time.sleep(0.1)

    with before_the_end(end_workers):
        yield


def _taken(path: Path) -> bool:
    try:
        with locked(path, patience=0.0):
            return False
    except BusyError:
        return True
