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
    now, problems = time.time(), list[str]()
    written = read_all([job.folder / STATE for job in jobs], State, problems)
    states = []
    for job in jobs:
        state = written.get(job.folder)
        known = job.has_record or state is not None  # a record without a state is one of another config
        states.append(job_state(job.name, state, job.folder / RECORD, now) if known else JobState(job.name))
    done = [job.folder for job, state in zip(jobs, states, strict=True) if state.state == "done"]
    if not at_a_time:
        return Status(states, None, 0, problems).counts
    return str(Status(states, time_left(states, read(done), at_a_time), at_a_time, problems))
