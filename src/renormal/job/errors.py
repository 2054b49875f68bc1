"""An error as one line for the user."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from renormal.console.text import printable, without_secrets
from renormal.files import shown

ROOM = "make room; the same command goes on after the last complete epoch"
PLACE = "choose another folder with name=, hydra.run.dir= or hydra.sweep.dir="
ELSEWHERE = ("EROFS", "EACCES", "EPERM", "ENOTDIR", "EEXIST", "ENAMETOOLONG", "ELOOP")
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
MENDS = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), ROOM),
    **dict.fromkeys((getattr(errno, name) for name in ELSEWHERE), PLACE),
    errno.ENOENT: "it was deleted or moved while the job ran: put it back and repeat the command",
    errno.EFBIG: "the limit of a file's size is too low: see ulimit -f",
    errno.EMFILE: "the limit of open files is too low: see ulimit -n",
}
OTHER = "choose another place with --out"
UMASK = "the umask {:04o} takes its owner's permission from each new file: set umask 022 and delete what was made"
DENIED = (errno.EACCES, errno.EPERM)
COMMANDS = {  # as MENDS, for commands that are given a file or a folder; {} is the other place
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "make room, or {}"),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.EFBIG), "{}"),
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR), "correct the path"),
}
MEMORY = re.compile(
    r"bad_alloc|alloc_cpu|allocate memory|out of memory|OOM|can't start new thread|unable to mmap", re.I
)
LESS = "too little memory or too many threads for this job ({}): a smaller batch_size= or test.samples= needs less"


def refused(error: ValueError | OSError, out: Path | None, other: str = OTHER) -> str:
    """One line for what ends a command that writes to `out`. other: how its user takes another place."""
    if not isinstance(error, OSError) or not error.strerror:
        return printable(str(error))
    place, number = error.filename if isinstance(error.filename, str) else out, error.errno or 0
    start = f"{shown(Path(place))}: " if place else ""
    mend = by_umask(number) or COMMANDS.get(number, "").format(other)
    return printable(f"{start}{error.strerror}{mend and f': {mend}'}")


def by_umask(number: int) -> str:
    """The mend where the umask is why this error came; else empty."""
    os.umask(mask := os.umask(0o077))
    return UMASK.format(mask) if mask & 0o700 and number in DENIED else ""


class WorkError(ValueError):
    """Work that had begun failed: the exit status is 1, where wrong input ends with 2."""


def status_of(error: ValueError | OSError) -> int:
    """The exit status of a command that this error ends: 1 where its work or the disk failed, 2 for wrong input."""
    return 1 if isinstance(error, WorkError) or getattr(error, "errno", None) in NO_ROOM else 2


def in_one_line(error: BaseException) -> str:
    """The message without a traceback, passwords and tokens; with the name of its type if it was not written for the
    user."""
    error = first_cause(error)
    text = " ".join((fault_of_machine(error) or str(error)).split())
    text = printable(without_secrets(text))
    return text if is_for_the_user(error) else f"{type(error).__name__}: {text}"


def first_cause(error: BaseException) -> BaseException:
    """What led to the error: of an object that could not be built, or of a checkpoint that could not be written."""
    while error.__cause__ is not None and type(error).__name__ == "InstantiationException":
        error = error.__cause__
    if isinstance(error, RuntimeError) and isinstance(error.__context__, OSError):
        return error.__context__  # torch.save reports the failed write, and then the length of the file
    return error


def fault_of_machine(error: BaseException) -> str:
    """One line for what the disk, the folders or the memory refuse; empty for another error."""
    error = first_cause(error)
    if isinstance(error, OSError) and error.strerror:
        place = f"{shown(Path(error.filename))}: " if isinstance(error.filename, str) else ""
        mend = by_umask(error.errno or 0) or MENDS.get(error.errno or 0, "")
        return f"{place}{error.strerror}" + (f"; {mend}" if mend else "")
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and MEMORY.search(str(error))):
        return LESS.format(" ".join(str(error).split())[:120] or type(error).__name__)
    return ""


def is_for_the_user(error: BaseException) -> bool:
    """Whether its message was written for the user: true for ValueError itself and for subclasses in renormal."""
    error = first_cause(error)
    kind = type(error)
    own = issubclass(kind, ValueError) and kind.__module__.startswith("renormal.")
    return kind is ValueError or own or bool(fault_of_machine(error))
