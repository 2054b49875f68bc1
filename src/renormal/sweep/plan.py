"""Before a sweep: plan.json lists its jobs, and a file in .planned/ has the recipe of each. In a job: what was planned.

After a sweep: one line for each job that is not done.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict, read_write

from renormal.console.text import counted
from renormal.files import PLAN, STATE, read_json, shown, write_whole
from renormal.job.digests import digest
from renormal.job.lock import LOCK, BusyError, holder, locked
from renormal.job.state import read_state, write_state
from renormal.sweep.jobs import Job
from renormal.sweep.workers import PLANNED_IN

PLANNED = ".planned"  # folder in that of the sweep
PATIENCE = 10.0  # seconds for another sweep of the same name to write its plan, ours
ENDING = 5.0  # seconds for a job to end after its sweep has ended it, ours
log = logging.getLogger("renormal")


def write_plan(folder: Path, jobs: Iterable[str], launcher: str, at_a_time: int = 1) -> Callable[[], None]:
    """Add the jobs' names to plan.json: other sweeps may have planned jobs in the same folder.

    at_a_time: how many run together. Returns what takes them out again, if no job could be submitted.
    """
    jobs = list(jobs)
    facts = {"launcher": launcher, "at_a_time": at_a_time}
    before = _change(folder, lambda names: list(dict.fromkeys([*names, *jobs])), facts)
    mine = {*jobs}.difference(before)

    def withdraw() -> None:
        _change(folder, lambda names: [name for name in names if name not in mine], facts)

    return withdraw


def _change(folder: Path, change: Callable[[list[str]], list[str]], facts: Mapping[str, Any]) -> list[str]:
    """Change the names in plan.json, and return those before. A plan without names is deleted."""
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / LOCK, patience=PATIENCE):
        path = folder / PLAN
        before = planned_before(path)
        names = change(before)
        plan = {"jobs": names, **facts, "started": time.time()}
        if names:
            write_whole(path, json.dumps(plan, indent=1, ensure_ascii=False))
        else:
            path.unlink(missing_ok=True)
    return before


def planned_before(path: Path) -> list[str]:
    """The jobs of an earlier sweep. Raises ValueError for a damaged file."""
    try:
        content = read_json(path)
        from renormal.schema import Plan, checked  # not at the top: the first sweep of a name has no file

        return checked(Plan, content, path).jobs
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise ValueError(f"{error}: delete this file, it only lists the jobs") from error


def write_planned(config: DictConfig, jobs: Iterable[Job]) -> None:
    """Write what each job is to do, and name the file to the jobs: every launcher sets the variables of hydra.job."""
    content = {job.name: {"done": job.has_record, **job.plan} for job in jobs}
    name = f"p{digest(content)[:16]}"  # the same plan has the same file
    write_whole(Path(config.hydra.sweep.dir) / PLANNED / f"{name}.json", json.dumps(content, ensure_ascii=False))
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.overrides.hydra.append(f"+hydra.job.env_set.{PLANNED_IN}={name}")


def planned_job() -> dict[str, Any] | None:
    """What the sweep of this job has planned for it; None for a job without a sweep."""
    if PLANNED_IN not in os.environ:
        return None
    hydra = HydraConfig.get()
    path = Path(hydra.runtime.cwd) / hydra.sweep.dir / PLANNED / f"{os.environ[PLANNED_IN]}.json"
    try:
        planned: dict[str, Any] = read_json(path)[str(hydra.sweep.subdir)]
        from renormal.schema import Planned, checked  # not at the top: a job without a sweep has no plan

        checked(Planned, planned, path)
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{shown(path)}: the plan of this sweep is gone or damaged: start the sweep again") from error
    return planned


def delete_old_state(folder: Path) -> None:
    """Delete the state of a job that failed or was done in an earlier sweep: it says nothing about this one."""
    state = read_state(folder)
    if state is None or state.state in ("running", "interrupted"):
        return
    try:
        with locked(folder / LOCK, patience=0.0):
            (folder / STATE).unlink(missing_ok=True)
    except BusyError as error:
        log.info("%s", error)


def unfinished(jobs: Iterable[Job]) -> list[str]:
    """One line for each job that is not done."""
    return [line for job in jobs if (line := why_unfinished(job))]


def why_unfinished(job: Job) -> str | None:
    """None for a job that is done."""
    try:
        state = read_state(job.folder)
    except ValueError as error:
        return f"{job.name}: {error}"
    if job.has_record or (state is not None and state.state == "done"):
        return None
    if state is None:
        return f"{job.name} has not begun"
    where = shown((job.folder / state.log).resolve())
    if state.state == "failed":
        return f"{job.name} failed: {state.error} ({where})"
    if name := holder(job.folder):
        return f"{job.name} is still being worked on by {name}"
    done = f"at least {counted(state.epoch, 'epoch')}"  # more where it was saved within an epoch
    return f"{job.name} was killed or interrupted, the same command goes on after {done} ({where})"


def note_interrupted(jobs: Iterable[Job]) -> None:
    """Write into state.json of each job that has begun and was killed that it is interrupted."""
    for job in jobs:
        state, end = read_state(job.folder), time.monotonic() + ENDING
        while state is not None and state.state == "running" and holder(job.folder) and time.monotonic() < end:
            time.sleep(0.1)  # its process is ending
            state = read_state(job.folder)
        if state is not None and state.state == "running" and not holder(job.folder):
            write_state(job.folder, replace(state, state="interrupted"))
