"""The progress of a sweep: which jobs are done, running, failed or waiting, and the time left."""

from __future__ import annotations

import heapq
import os
import platform
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from stat import S_ISREG
from statistics import fmean
from typing import NamedTuple

from renormal.console.text import counted, printable, without_secrets
from renormal.files import PLAN, RECORD, STATE, read_json
from renormal.report.record import Record, below
from renormal.schema import Kind, Plan, State, checked

STATES = ("failed", "running", "interrupted", "waiting", "done")  # the most urgent first
SILENT = 3.0  # epochs without an update after which a running job counts as silent, ours
QUEUED = "none has begun, they were handed to SLURM: do not repeat the command while squeue shows them"
PATIENCE = 900.0  # seconds before any job counts as silent: a test writes no update before its end, ours


class JobState(NamedTuple):
    """One job of a sweep. A planned job without a state file is waiting."""

    job: str  # its folder, relative to the sweep's
    state: str = "waiting"
    stage: str = ""
    epoch: int = 0
    epochs: int = 0
    elapsed: float = 0.0  # seconds from its start to its last update
    quiet: float = 0.0  # seconds since its last update
    silent: bool = False  # it runs, and its last update is too long ago, or the clock was set back after it
    error: str = ""
    log: str = ""  # relative to the sweep's folder

    @property
    def model(self) -> str:
        return self.job.split("/")[0]

    @property
    def share(self) -> float:
        """Part of its training that is done, in [0, 1]."""
        return min(1.0, self.epoch / self.epochs) if self.epochs else 0.0

    @property
    def detail(self) -> str:
        """Its stage and epoch at the last update; of a failed job the error and the log."""
        epoch = f"{self.epoch} of {counted(self.epochs, 'epoch')} done" if self.epochs and self.stage == "train" else ""
        where = ", ".join(part for part in (self.stage, epoch) if part)
        if self.state == "failed":
            return "; ".join(part for part in (self.error or where, self.log and f"see {self.log}") if part)
        if self.silent and not self.quiet:
            return f"{where}, its last update lies in the future: if it was killed, run the same command again"
        if self.silent:
            return f"{where}, no update for {duration(self.quiet)}: if it was killed, run the same command again"
        return where


class Status(NamedTuple):
    """The state of each job of a sweep, and the time left."""

    jobs: list[JobState]
    left: float | None  # seconds; None where the time of a job is unknown
    slots: int  # number of jobs that run at the same time now
    problems: list[str]
    queued: bool = False  # the jobs were handed to SLURM, and none has begun
    at_a_time: int = 1  # jobs that the command runs together

    def of(self, state: str) -> list[JobState]:
        return [job for job in self.jobs if job.state == state]

    @property
    def unfinished(self) -> bool:
        return any(job.state != "done" for job in self.jobs)

    def __str__(self) -> str:
        """12 of 60 jobs done, 2 running, 45 waiting, 1 failed; about 3 h 20 min left."""
        if not self.unfinished:
            return self.counts
        rest = f"about {duration(self.left)}" if self.left else ""
        if self.slots:
            return f"{self.counts}; {rest} left" if rest else self.counts
        if self.queued:
            return f"{self.counts}; {QUEUED}"
        together = "one job at a time" if self.at_a_time == 1 else f"with {self.at_a_time} jobs at a time"
        return f"{self.counts}; no job runs: the same command continues" + (rest and f", {rest} {together}")

    @property
    def counts(self) -> str:
        """12 of 60 jobs done, 2 running, 45 waiting, 1 failed."""
        counts = Counter(job.state for job in self.jobs)
        parts = [
            f"{counts[state]} {state}" for state in ("running", "interrupted", "waiting", "failed") if counts[state]
        ]
        return ", ".join([f"{counts['done']} of {len(self.jobs)} jobs done", *parts])


def read_status(folder: Path, records: Sequence[Record], now: float) -> Status:
    """The status of all jobs with a plan, a state file or a record below the folder. now: seconds, as `time.time()`."""
    paths, problems = below(folder, PLAN, STATE)
    plans = read_all([path for path in paths if path.name == PLAN], Plan, problems)
    written = read_all([path for path in paths if path.name == STATE], State, problems)
    jobs = {relative(place / job, folder) for place, plan in plans.items() for job in plan.jobs}
    jobs |= {relative(place, folder) for place in written}
    jobs |= {relative(record.folder, folder) for record in records if record.folder}
    states = [job_state(printable(job), written.get(folder / job), folder / job / RECORD, now) for job in sorted(jobs)]
    states.sort(key=lambda job: STATES.index(job.state))  # stable
    running = [job for job in states if job.state == "running" and not job.silent]
    handed = bool(plans) and all(plan.launcher == "slurm" for plan in plans.values())
    queued = handed and all(job.state == "waiting" for job in states)
    at_a_time = max((plan.at_a_time for plan in plans.values()), default=1)
    return Status(states, time_left(states, records, at_a_time), len(running), problems, queued, at_a_time)


def read_all(paths: Iterable[Path], kind: type[Kind], problems: list[str]) -> dict[Path, Kind]:
    """Folder → content of each readable file; the others become problems."""
    found = {}
    for path in paths:
        try:
            found[path.parent] = checked(kind, read_json(path), path)
        except (FileNotFoundError, ValueError) as error:
            problems.append(str(error))
    return found


def relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def job_state(job: str, written: State | None, record: Path, now: float) -> JobState:
    """The state of a job. A job with a record is done if no file says otherwise, or if it was killed after its record.

    record: its path, where a file may be missing.
    """
    age = age_of(record, now)
    if written is None:
        return JobState(job, "waiting" if age is None else "done")
    state = state_of(job, written, now)
    return JobState(job, "done") if state.state == "running" and age is not None and age <= state.quiet else state


def age_of(record: Path, now: float) -> float | None:
    """Seconds since the record was written, None without a record."""
    try:
        found = record.stat()
    except OSError:
        return None
    return now - found.st_mtime if S_ISREG(found.st_mode) else None


def state_of(job: str, written: State, now: float) -> JobState:
    """The job's state at its last update, and whether it is silent."""
    updated = written.updated or now
    elapsed, quiet = max(0.0, updated - (written.started or now)), max(0.0, now - updated)
    expected = max(PATIENCE, SILENT * elapsed / written.epoch if written.epoch else 0.0)
    return JobState(
        job,
        written.state,
        written.stage,
        written.epoch,
        max(0, written.epochs or 0),
        elapsed,
        quiet,
        written.state == "running" and (quiet > expected or updated - now > PATIENCE),
        private(written.error),
        f"{job}/{written.log}" if written.log else "",
    )


def time_left(jobs: Sequence[JobState], records: Sequence[Record], at_a_time: int = 1) -> float | None:
    """Seconds until the last job ends. Each waiting job starts when the next of the running jobs ends.

    A running job takes the rest of its training at its own pace, then the mean time of a test. A waiting job takes the
    mean time of the finished jobs of its model, or of all finished jobs. Failed jobs do not count. None where the time
    of a job is unknown. at_a_time: how many jobs run together at least, also where some have not begun yet.
    """
    running = [job for job in jobs if job.state == "running" and not job.silent]
    waiting = [job for job in jobs if job.state in ("waiting", "interrupted") or job.silent]
    rests = [rest_of(job, records) for job in (*running, *waiting)]
    known = [rest for rest in rests if rest is not None]
    if len(known) < len(rests):
        return None
    slots = known[: len(running)] + [0.0] * (at_a_time - len(running))
    heapq.heapify(slots)
    for rest in known[len(running) :]:
        heapq.heapreplace(slots, slots[0] + rest)
    return max(slots)


def rest_of(job: JobState, records: Sequence[Record]) -> float | None:
    """Seconds that a job still needs. None where no job of the sweep shows it."""
    finished = [record for record in records if record.model == job.model] or list(records)
    test = fmean(record.seconds.get("test", 0.0) for record in finished) if finished else 0.0
    if job.state == "running" and job.stage == "test":
        return max(0.0, test - job.quiet)
    if job.state == "running" and job.epoch and job.epochs:
        return max(0.0, job.elapsed * (job.epochs - job.epoch) / job.epoch + test - job.quiet)
    if not finished:
        return None
    train = fmean(sum(record.seconds.values()) for record in finished) - test
    return train * (1 - job.share) + test


def duration(seconds: float) -> str:
    """Seconds as text: 42 s, 12 min, 3 h 20 min or 2 d 4 h."""
    if seconds < 1:
        return "under 1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    hours = round(minutes / 60)
    return f"{hours // 24} d {hours % 24} h" if hours % 24 else f"{hours // 24} d"


def private(text: str) -> str:
    """The text in one line, with file names in place of absolute paths, and … in place of this machine's name, this
    user's name, passwords and tokens."""
    text = printable(without_secrets(text))
    shorter = re.sub(r"(?<![\w:/.])(?:~|/)[\w.@+-]*(?:/[\w.@+-]+)*/([\w.@+-]+)", r"\1", text)
    names = {platform.node(), os.environ.get("USER", "")} - {"", "localhost", "root"}
    for name in names:
        shorter = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", "…", shorter)
    return shorter
