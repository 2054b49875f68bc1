"""The lock that keeps a second process out of a folder."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from renormal.files import shown

LOCK = ".lock"
WITHOUT_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


class BusyError(ValueError):
    """Another process holds the lock of that folder."""


@contextmanager
def locked(path: Path, *, patience: float) -> Iterator[None]:
    """Hold the lock during the block, and write this process's name into the file.

    The kernel releases the lock when the process ends, however it ends. patience: seconds to wait for the lock; then
    BusyError names the process that holds it.
    """
    with path.open("a+") as file:
        if not _taken(file.fileno(), time.monotonic() + patience):
            file.seek(0)
            raise BusyError(f"{shown(path.parent)} is being worked on by {file.read().strip() or 'another process'}")
        file.seek(0)
        file.truncate()
        file.write(name_of_this_process())
        file.flush()
        yield


def _taken(descriptor: int, deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        except OSError as error:
            if error.errno in WITHOUT_LOCKS:
                raise ValueError("the file system of outputs/ has no file locks (flock): mount it with them") from error
            raise


def holder(folder: Path) -> str | None:
    """The name of the process that holds the lock of that folder, None for none."""
    try:
        with locked(folder / LOCK, patience=0.0):
            return None
    except BusyError as error:
        return str(error).split(" by ", 1)[1]
    except FileNotFoundError:
        return None


def name_of_this_process() -> str:
    array, job = (os.environ.get(f"SLURM_{name}") for name in ("ARRAY_JOB_ID", "JOB_ID"))
    number = f"{array}_{os.environ.get('SLURM_ARRAY_TASK_ID')}" if array else job
    return f"SLURM job {number}" if number else f"process {os.getpid()}"
