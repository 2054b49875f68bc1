"""A lock on a folder, and the name of the process that holds it."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from renormal.console.text import printable
from renormal.files import shown

LOCK = ".lock"
MEND = ": wait for it, or give name= for another folder"
NAME = 200  # characters of the holder's name, ours
NO_LINK = os.O_NOFOLLOW | os.O_NONBLOCK
WITHOUT_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


class BusyError(ValueError):
    """Another process holds the lock of that folder."""


# Not filelock: the holder's name is still ours to write and read, and before 3.30 a waiting process empties the file.
@contextmanager
def locked(path: Path, *, patience: float) -> Iterator[None]:
    """Hold the lock during the block, and write this process's name into the file.

    The kernel releases the lock when the process ends, however it ends. patience: seconds to wait for the lock; then
    BusyError names the process that holds it.
    """
    deadline = time.monotonic() + patience
    with opened(path) as file:
        while not _taken(file):
            if time.monotonic() > deadline:
                file.seek(0)
                name = printable(file.read(NAME).strip()) or "another process"
                raise BusyError(f"{shown(path.parent)} is being worked on by {name}{MEND}")
            time.sleep(0.1)
        file.truncate(0)
        file.write(name_of_this_process())
        file.flush()
        yield


def opened(path: Path) -> IO[str]:
    """The file of a lock, made if missing. Raises ValueError for a link: the lock's name must not be written there."""
    with suppress(FileNotFoundError):
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise ValueError(f"{shown(path)} is a link, or no regular file: delete it")
    return open(path, "a+", errors="replace", opener=lambda name, flags: os.open(name, flags | NO_LINK, 0o666))


def _taken(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in WITHOUT_LOCKS:
            raise ValueError("the file system of outputs/ has no file locks (flock): mount it with them") from error
        raise
    return True


def holder(folder: Path) -> str | None:
    """The name of the process that holds the lock of that folder, None for none."""
    try:
        with locked(folder / LOCK, patience=0.0):
            return None
    except BusyError as error:
        return str(error).split(" by ", 1)[1].removesuffix(MEND)
    except FileNotFoundError:
        return None


def name_of_this_process() -> str:
    """SLURM job 12_3, as squeue prints it, or process 4711."""
    array, job = (os.environ.get(f"SLURM_{name}") for name in ("ARRAY_JOB_ID", "JOB_ID"))
    number = f"{array}_{os.environ.get('SLURM_ARRAY_TASK_ID')}" if array else job
    return f"SLURM job {number}" if number else f"process {os.getpid()}"
