"""Write a file completely or not at all; show a path."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

RECORD, STATE = "record.json", "state.json"  # of a job, in its folder
PLAN = "plan.json"  # of a sweep, in its folder


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a draft in the folder of `path`, which is made if missing; after the block the draft is renamed to `path`.

    A reader finds the old file or the new one, even if this process is killed. If the block raises, `path` does not
    change. If two processes write one file, the second waits for the first. The draft's name is fixed: the next call
    replaces the draft of a killed process. Raises ValueError for a `path` that exists and is no regular file: a device
    or a folder must not be replaced.
    """
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is no regular file: give the name of a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    with _locked_draft(draft) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise


def _locked_draft(draft: Path) -> BinaryIO:
    """The empty draft, open for this process alone: another one waits in this function until it is closed."""
    while True:
        if draft.is_symlink():
            draft.unlink(missing_ok=True)  # its target must not change
        file = open(draft, "wb", opener=_not_truncated)  # noqa: SIM115 the caller closes it
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), draft.stat()):
                file.truncate(0)
                return file
        file.close()  # the process that had the lock has renamed or deleted this draft


def _not_truncated(path: str, flags: int) -> int:
    return os.open(path, flags & ~os.O_TRUNC, 0o666)


def write_whole(path: Path, text: str) -> None:
    """Write `text` completely or not at all; it gets a line end if it has none."""
    with whole_file(path) as file:
        file.write(text.removesuffix("\n").encode() + b"\n")


def shown(path: Path) -> Path:
    """A path for messages: relative if it lies below the working directory."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
