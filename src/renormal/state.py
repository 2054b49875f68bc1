"""What a job says of itself while it works, state.json, and the lock that keeps a second one out of its folder."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

FILE, LOCK = "state.json", ".lock"
TRACES = {".hydra", "run.log", FILE, LOCK}  # what a job leaves that failed before it had anything to keep
PATIENCE = 5.0  # seconds, ours: a killed sweep's jobs notice within two
WITHOUT_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


@dataclass(frozen=True, kw_only=True)
class State:
    """state: running, interrupted, failed or done. stage: data, train or test. Times in seconds since 1970."""

    state: str = "running"
    stage: str = "data"
    epoch: int = 0  # epochs finished
    epochs: int = 0  # epochs wanted
    started: float = field(default_factory=time.time)  # later by the pauses of a job that was interrupted
    updated: float = field(default_factory=time.time)
    error: str = ""
    log: str = "run.log"  # beside this file


class BusyError(ValueError):
    """Another process works in that folder."""


class Journal:
    """state.json of one job: nothing is written before the first word."""

    def __init__(self, folder: Path, epochs: int) -> None:
        before = read_state(folder)
        gone_on = before is not None and before.state != "done"  # a failed one goes on from its checkpoint, too
        spent = before.updated - before.started if before and gone_on else 0.0
        self.folder, self.began = folder, time.time()
        self.state = State(epochs=epochs, started=self.began - spent, updated=self.began)
        self.written = before is not None

    def tell(self, stage: str, epoch: int | None = None) -> None:
        """The stage that the job has reached, and the epochs that it has finished."""
        self._write(stage=stage, epoch=self.state.epoch if epoch is None else epoch)

    def end(self, state: str, error: str = "") -> None:
        if state != "done" or self.state.updated > self.began or not self.written:  # one that had its record is silent
            self._write(state=state, error=error)

    def _write(self, **news: str | int) -> None:
        self.state = replace(self.state, updated=time.time(), **news)  # type: ignore[arg-type]
        write_state(self.folder, self.state)


@contextmanager
def working(folder: Path, epochs: int) -> Iterator[Journal]:
    """The folder to oneself, and in state.json how it ends. Raises BusyError with the holder's name."""
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / LOCK, patience=PATIENCE):
        journal = Journal(folder, epochs)
        try:
            yield journal
        except Exception as error:
            journal.end("failed", in_one_line(error))
            raise
        except BaseException:  # Ctrl-C, a time limit, preemption
            journal.end("interrupted")
            raise
        journal.end("done")


@contextmanager
def locked(path: Path, *, patience: float) -> Iterator[None]:
    """The kernel's lock: it ends with its process, whatever ended that, so none can be stale."""
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
    """Who works in that folder now, None for nobody."""
    try:
        with locked(folder / LOCK, patience=0.0):
            return None
    except BusyError as error:
        return str(error).split(" by ", 1)[1]
    except FileNotFoundError:
        return None


def shown(path: Path) -> Path:
    """A path as a reader below the working directory would name it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def name_of_this_process() -> str:
    array, job = (os.environ.get(f"SLURM_{name}") for name in ("ARRAY_JOB_ID", "JOB_ID"))
    number = f"{array}_{os.environ.get('SLURM_ARRAY_TASK_ID')}" if array else job
    return f"SLURM job {number}" if number else f"process {os.getpid()}"


def in_one_line(error: BaseException) -> str:
    """What happened, without a traceback: an error for the user says it all, others need their type."""
    error = first_cause(error)
    text = " ".join(str(error).split())
    return text if is_for_the_user(error) else f"{type(error).__name__}: {text}"


def first_cause(error: BaseException) -> BaseException:
    while error.__cause__ is not None and type(error).__name__ == "InstantiationException":
        error = error.__cause__
    return error


def is_for_the_user(error: BaseException) -> bool:
    """Whether it was raised to be read: those of Python's own kinds of ValueError are mistakes of the program."""
    kind = type(first_cause(error))
    return kind is ValueError or (issubclass(kind, ValueError) and kind.__module__.startswith("renormal."))


def write_state(folder: Path, state: State) -> None:
    write_whole(folder / FILE, json.dumps(asdict(state), ensure_ascii=False))


def read_state(folder: Path) -> State | None:
    """None where no job has said anything yet."""
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{folder / FILE} is damaged: delete it") from error
    known = {item.name for item in fields(State)}
    return State(**{key: value for key, value in content.items() if key in known})


def write_whole(path: Path, text: str) -> None:
    """Whole or not at all, whenever the process is killed. The draft's name is fixed: the next write takes it over."""
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def forget(folder: Path) -> None:
    """Take back the folder of a job that failed before it had anything to keep, and the folders made for it."""
    if not {path.name for path in folder.iterdir()} <= TRACES:
        return
    shutil.rmtree(folder)
    for parent in folder.absolute().parents:
        if not parent.is_relative_to(Path.cwd()) or parent == Path.cwd() or any(parent.iterdir()):
            return
        parent.rmdir()
