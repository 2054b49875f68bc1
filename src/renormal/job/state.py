"""What a job says of itself while it works, state.json, and the lock that keeps a second one out of its folder."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from renormal.files import write_whole
from renormal.job.errors import in_one_line
from renormal.job.lock import LOCK, locked

FILE = "state.json"
TRACES = {".hydra", "run.log", FILE, LOCK}  # what a job leaves that failed before it had anything to keep
PATIENCE = 5.0  # seconds, ours: a killed sweep's jobs notice within two


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


def forget(folder: Path) -> None:
    """Take back the folder of a job that failed before it had anything to keep, and the folders made for it."""
    if not {path.name for path in folder.iterdir()} <= TRACES:
        return
    shutil.rmtree(folder)
    for parent in folder.absolute().parents:
        if not parent.is_relative_to(Path.cwd()) or parent == Path.cwd() or any(parent.iterdir()):
            return
        parent.rmdir()
