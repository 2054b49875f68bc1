"""How far the jobs of a sweep are."""

from __future__ import annotations

import time
from collections.abc import Collection

from renormal.files import RECORD, STATE
from renormal.report.status import JobState, Status, job_state, read_all, time_left
from renormal.schema import State
from renormal.sweep.ending import read
from renormal.sweep.jobs import Job


def progress_of(jobs: Collection[Job], at_a_time: int = 0) -> str:
    """1 of 6 jobs done, 5 waiting; about 12 min left. Other sweeps in the same folder do not count.

    at_a_time: how many jobs run together; 0: none runs any more, and no time is named.
    """
    status = status_of(jobs, at_a_time)
    return str(status) if at_a_time else status.counts


def status_of(jobs: Collection[Job], at_a_time: int) -> Status:
    """The status of these jobs. 0 at a time: the time left is not known."""
    now, problems = time.time(), list[str]()
    written = read_all([job.folder / STATE for job in jobs], State, problems)
    states = []
    for job in jobs:
        state = written.get(job.folder)
        known = job.has_record or state is not None  # a record without a state is one of another config
        states.append(job_state(job.name, state, job.folder / RECORD, now) if known else JobState(job.name))
    done = [job.folder for job, state in zip(jobs, states, strict=True) if state.state == "done"]
    left = time_left(states, read(done), at_a_time) if at_a_time else None
    return Status(states, left, at_a_time, problems)
