"""What every command does first: its output never stops it, and a signal ends it with the status that shells expect.

And what it says while it works long without a line.
"""

from __future__ import annotations

import argparse
import atexit
import errno
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

from renormal.console.text import printable, without_secrets

SILENCE = 3.0  # seconds that need no explanation, ours
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
_before_the_end: list[Callable[[], object]] = []  # what a signal does before it raises SystemExit
log = logging.getLogger("renormal")


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the arguments, where argparse prints all options before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {printable(without_secrets(message))}; see {self.prog} --help\n")


def begin() -> None:
    """Call it once, before anything is opened or printed."""
    os.environ["MPLBACKEND"] = "agg"  # figures go into files: of a backend that is not there, matplotlib does not load
    if not _imports_from_here():
        os.environ["PYTHONSAFEPATH"] = "1"  # else each worker would run a types.py or csv.py of the working directory
    open_streams()
    end_by_signals()
    log_no_secrets()
    try:
        os.getcwd()  # noqa: PTH109 no path is needed
    except FileNotFoundError:  # torch does not load there
        print("renormal: the working directory was deleted: change to another one", file=sys.stderr)
        raise SystemExit(2) from None


def _imports_from_here() -> bool:
    """Whether the working directory is on this process's path: by python -m, or by PYTHONPATH."""
    try:
        here = os.path.realpath(".")
    except FileNotFoundError:  # deleted
        return False
    return any(os.path.realpath(place) == here for place in sys.path)


def log_no_secrets() -> None:
    """From now on no message of any logger has a password or a token of a URL."""
    make = logging.getLogRecordFactory()
    if make is not logging.LogRecord:
        return

    def record(*arguments: Any, **named: Any) -> logging.LogRecord:
        found = make(*arguments, **named)
        if "://" in f"{found.msg} {found.args}":
            found.msg, found.args = without_secrets(found.getMessage()), ()
        return found

    logging.setLogRecordFactory(record)


def open_streams() -> None:
    """Closed ones lead nowhere: else a file of ours gets their number, and what a library prints goes into that file.

    Signs that a terminal lacks are printed as \\u2212. A reader that has gone (`| head`) ends no work.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    for number, name in ((1, "stdout"), (2, "stderr")):
        encoding = getattr(getattr(sys, name), "encoding", "utf-8")
        file = io.BufferedWriter(io.FileIO(number, "w", closefd=False))
        setattr(sys, name, _Output(file, encoding, "backslashreplace", line_buffering=number == 2 or file.isatty()))
    logging.raiseExceptions = False
    atexit.register(_flush)


@contextmanager
def said_if_slow(doing: str, say: Callable[[str], object] = log.info) -> Iterator[None]:
    """Log what the block does, once, if it takes more than SILENCE seconds. The line ends in " …"."""
    timer = threading.Timer(SILENCE, say, (f"{doing} …",))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class _Output(io.TextIOWrapper):
    """An output whose reader may go: then it leads nowhere."""

    def write(self, text: str) -> int:
        with self._tolerant():
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with self._tolerant():
            super().flush()

    @contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):
                error.filename = "standard output" if self.fileno() == 1 else "standard error"
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())


def _flush() -> None:
    """Where its own last flush fails, Python ends with status 120 and an exception."""
    try:
        sys.stdout.flush()
    except OSError as error:
        print(f"renormal: not all was printed: {error.strerror}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def end_by_signals() -> None:
    """SIGTERM, SIGHUP and SIGINT raise SystemExit(128 + number), so that each block on the way out is left in order.

    What is ignored stays so (nohup). A SIGINT that was blocked until now comes. Under SLURM submitit decides about
    SIGTERM: it also comes before a preemption.
    """
    for number in ENDING:
        handler = signal.getsignal(number)
        if handler is not signal.SIG_IGN and not left_to_submitit(number):
            signal.signal(number, _end)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def left_to_submitit(number: int) -> bool:
    """Whether submitit decides about this signal of SLURM."""
    module = str(getattr(signal.getsignal(number), "__module__", ""))
    return "SLURM_JOB_ID" in os.environ and module.startswith("submitit")


@contextmanager
def at_once_by_signals(last: Callable[[], object] = lambda: None) -> Iterator[None]:
    """In the block a signal ends the program at once, after `last` and without leaving any block.

    Some code of libraries that are loading ignores SystemExit, other code prints it. Afterwards as `end_by_signals`.
    """

    def end(number: int, frame: FrameType | None) -> None:
        for other in ENDING:
            signal.signal(other, _ignore)
        last()
        os._exit(128 + number)

    end_by_signals()
    for number in ENDING:
        if signal.getsignal(number) is _end:
            signal.signal(number, end)
    try:
        yield
    finally:
        for number in ENDING:
            if signal.getsignal(number) is end:
                signal.signal(number, _end)


@contextmanager
def before_the_end(first: Callable[[], object]) -> Iterator[None]:
    """In the block a signal of `end_by_signals` calls `first`, and raises SystemExit afterwards."""
    _before_the_end.append(first)
    try:
        yield
    finally:
        _before_the_end.remove(first)


def _end(number: int, frame: FrameType | None) -> None:
    """The first signal ends in order; a second SIGINT ends at once, others are ignored: their sender is waiting.

    Not by SIG_IGN: of one that has come already, Python would print a traceback. SIGINT may have come with SIGHUP.
    """
    for other in ENDING:
        signal.signal(other, _ignore)
    if number != signal.SIGHUP:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    for call in _before_the_end:
        call()
    raise SystemExit(128 + number)


def _ignore(number: int, frame: FrameType | None) -> None:
    pass
