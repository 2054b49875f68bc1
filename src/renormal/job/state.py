"""state.json: the stage that a job has reached, and how it ended."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from renormal.files import RUN_LOG, STATE, naming, read_json, write_whole
from renormal.job.errors import NO_ROOM, first_cause, in_one_line
from renormal.job.lock import LOCK, locked

TRACES = {".hydra", RUN_LOG, STATE, LOCK}  # files of a job that failed before it had results
TEMPORARY = (os.environ.get("TMPDIR") or "/tmp", "/dev/shm")
LONGEST = 800  # letters of an error, ours: state.json stays in the one block that a file system has given it
PATIENCE = 5.0  # seconds, ours: the jobs of a killed sweep end within two


@dataclass(frozen=True, kw_only=True)
class State:
    """state: running, interrupted, failed or done. stage: data, train or test. Times in seconds since 1970."""

    state: str = "running"
    stage: str = "data"
    epoch: int = 0  # epochs finished
    epochs: int = 0  # epochs wanted
    started: float = field(default_factory=time.time)  # `updated` less the seconds that it ran, without pauses
    updated: float = field(default_factory=time.time)
    error: str = ""
    log: str = RUN_LOG  # in the same folder


class StateFile:
    """Writes state.json of one job at each report. A resumed job counts the time of its earlier runs, too."""

    def __init__(self, folder: Path, epochs: int) -> None:
        before = read_state(folder)
        spent = max(0.0, before.updated - before.started) if before and before.state != "done" else 0.0
        self.folder, self.place = folder, folder.stat()
        self.began = time.monotonic() - spent  # as if it had run without a pause; the time of day may be set meanwhile
        self.state = State(epochs=epochs)
        self.first = before is None
        self.written = False
        self.settled = before is not None and before.state == "done"

    def report(self, stage: str, epoch: int | None = None) -> None:
        """Write the stage and the finished epochs. None: their number does not change."""
        self._write(stage=stage, epoch=self.state.epoch if epoch is None else epoch)

    def end(self, state: str, error: str = "") -> None:
        """Write how the job ended. A job that found its record and did nothing leaves a file that says done."""
        if state != "done" or self.written or not self.settled:
            self._write(state=state, error=error)

    def _write(self, **changes: str | int) -> None:
        """Nothing is written into a new folder of this name: it would be taken for the whole one."""
        if not self.folder.exists() or not os.path.samestat(self.folder.stat(), self.place):
            raise ValueError(f"{self.folder} was moved or deleted while its job ran: start the job again")
        now = time.time()
        started = now - (time.monotonic() - self.began)
        self.state = replace(self.state, started=started, updated=now, **changes)  # type: ignore[arg-type]
        self.written = True
        write_state(self.folder, self.state)


@contextmanager
def hold_folder(folder: Path, epochs: int) -> Iterator[StateFile]:
    """Hold the folder's lock during the block, and record in state.json how the block ends.

    epochs: wanted. Raises BusyError with the name of the process that holds the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with naming(folder), locked(folder / LOCK, patience=PATIENCE):
        (folder / RUN_LOG).open("a").close()  # messages name it, also if the job is killed before its first line
        file = StateFile(folder, epochs)
        try:
            if file.first:
                file.report("data")  # the libraries and the images are read next, which takes a while
            yield file
            file.end("done")
        except Exception as error:
            name_place(error, folder)
            with suppress(ValueError):  # without its folder
                file.end("failed", in_one_line(error)[:LONGEST])
            raise
        except BaseException:  # Ctrl-C, a time limit, preemption
            with suppress(ValueError):
                file.end("interrupted")
            raise


def name_place(error: Exception, folder: Path) -> None:
    """Where a full disk has named no file: name the fuller one of the folder and of the places for temporary files."""
    cause = first_cause(error)
    if isinstance(cause, OSError) and cause.errno in NO_ROOM and cause.filename is None:
        places = [folder, *(Path(place) for place in TEMPORARY if Path(place).is_dir())]
        cause.filename = str(min(places, key=lambda place: shutil.disk_usage(place).free))


def write_state(folder: Path, state: State) -> None:
    """Write state.json whole; on a full disk in the place of the old one, whose block is large enough for it."""
    text = json.dumps(asdict(state), ensure_ascii=False)
    try:
        write_whole(folder / STATE, text)
    except OSError as error:
        if error.errno not in NO_ROOM or not (folder / STATE).is_file() or (folder / STATE).is_symlink():
            raise
        with (folder / STATE).open("r+b") as file:
            file.write(text.encode() + b"\n")
            file.truncate()


def read_state(folder: Path) -> State | None:
    """The state of a folder's job, None without a state.json. Raises ValueError for a damaged one."""
    path = folder / STATE
    try:
        content = read_json(path)
        from renormal import schema  # not at the top: most jobs of a sweep have no file when it is planned

        schema.checked(schema.State, content, path)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{error}: delete this file") from error
    known = {item.name for item in fields(State)}
    return State(**{key: value for key, value in content.items() if key in known})


def had_begun(folder: Path) -> bool:
    """Whether the job in this folder has begun a stage: before that, only its settings and its images are read."""
    if not folder.is_dir():  # deleted while the job ran, or a file is in its place
        return True
    try:
        state = read_state(folder)
    except ValueError:  # a damaged file, which is refused before a stage
        return False
    return state is not None and state.stage != "data"


def forget(folder: Path) -> None:
    """Delete the folder of a job that failed before it had results, and then its empty parents.

    Not a link, nor the working directory: hydra.run.dir=. may name it.
    """
    if (
        Path.cwd().is_relative_to(folder.resolve())
        or not folder.is_dir()
        or folder.is_symlink()
        or not {path.name for path in folder.iterdir()} <= TRACES
    ):
        return
    shutil.rmtree(folder)
    for parent in Path(os.path.normpath(folder.absolute())).parents:  # a/../../b is not below a
        if not parent.is_relative_to(Path.cwd()) or parent == Path.cwd() or any(parent.iterdir()):
            return
        parent.rmdir()
