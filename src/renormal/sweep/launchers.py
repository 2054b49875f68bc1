"""How the jobs of a sweep are started. A job whose record is there is not started again."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus

from renormal.console.text import counted
from renormal.files import RECORD, shown
from renormal.job.objective import number_of
from renormal.job.state import read_state
from renormal.report.record import read_record
from renormal.sweep.callback import check_of, jobs_for, say
from renormal.sweep.forecast import forecast
from renormal.sweep.jobs import Job
from renormal.sweep.plan import note_interrupted, why_unfinished
from renormal.sweep.progress import progress_of
from renormal.sweep.slurm import array_executor, array_of, submit, wait_for_jobs
from renormal.sweep.workers import saved_by_signals, worker_environment

ATTEMPTS = 3  # of joblib, after a worker was killed, ours
STARTING = "%s, %d at a time; the log of each is run.log in its folder below %s"
WAITING = "this command waits for them, and Ctrl-C ends it alone; renormal-report %s shows how far they are"
Overrides = Sequence[Sequence[str]]
log = logging.getLogger("renormal")


def launch_in_workers(
    launcher: Any, launch: Callable[[Overrides, int], Sequence[JobReturn]], overrides: Overrides, first: int
) -> Sequence[JobReturn]:
    """Worker processes that take one job after another. If one is killed, joblib ends all: the jobs start again."""
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    jobs = jobs_for(launcher, overrides, first)
    left = [job for _, job in without_record(jobs, overrides, first)]
    with worker_environment(launcher.joblib["n_jobs"]) as count:
        launcher.joblib["n_jobs"] = count
        say(forecast(launcher.config, check_of(launcher).jobs.values(), count))
        for _ in range(ATTEMPTS):
            if not left:
                break
            try:
                with saved_by_signals() if count > 1 else nullcontext():  # of one, joblib makes no worker
                    launch(left, first)
                break
            except TerminatedWorkerError:
                log.warning("a worker was killed: unfinished jobs go on after their last epoch")
            except (KeyboardInterrupt, SystemExit):
                log_interrupted(jobs.values())
                raise
            finally:
                note_interrupted(jobs.values())
            left = [job for job in left if why_unfinished(jobs[tuple(job)])]
    return returned(jobs, overrides)


def launch_in_processes(launcher: Any, overrides: Overrides, first: int) -> Sequence[JobReturn]:
    """A process for each job, started by submitit's local executor: a killed one takes no other along."""
    import submitit

    jobs = jobs_for(launcher, overrides, first)
    left = deque(without_record(jobs, overrides, first))
    executor = submitit.LocalExecutor(folder=launcher.params["submitit_folder"])
    executor.update_parameters(timeout_min=launcher.params["timeout_min"])
    running: dict[submitit.Job[Any], Job] = {}
    with worker_environment(launcher.params["n_jobs"]) as count:
        log.info(STARTING, counted(len(left), "job"), count, shown(Path(launcher.config.hydra.sweep.dir)))
        say(forecast(launcher.config, check_of(launcher).jobs.values(), count))
        try:
            while left or running:
                ended = [running.pop(job) for job in list(running) if job.done()]
                while left and len(running) < count:
                    number, given = left.popleft()
                    with without_interruption():
                        started = executor.submit(launcher, *arguments_of(number, given))
                    running[started] = jobs[tuple(given)]
                for job in ended:
                    log.info("%s: %s", why_unfinished(job) or f"{job.name} is done", progress_of(jobs.values(), count))
                time.sleep(0.2)
        except (KeyboardInterrupt, SystemExit):
            end_jobs(running, jobs.values())
            raise
    return returned(jobs, overrides)


@contextmanager
def without_interruption() -> Iterator[None]:
    """What is started in the block never gets SIGINT: submitit's process would print a traceback at Ctrl-C.

    The job that it starts lets the signal through again (end_by_signals).
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def end_jobs(running: Iterable[Any], jobs: Collection[Job]) -> None:
    """End submitit's jobs in order: each saves its training. jobs: all of the sweep."""
    for one in running:
        with suppress(ProcessLookupError):
            os.kill(int(one.job_id), signal.SIGTERM)  # submitit's process hands it to the job
    log_interrupted(jobs)


def log_interrupted(jobs: Collection[Job]) -> None:
    note_interrupted(jobs)
    log.warning("interrupted: the same command goes on (%s)", progress_of(jobs))


def launch_on_slurm(launcher: Any, overrides: Overrides, first: int) -> Sequence[JobReturn]:
    """One job array. Returns when all of its jobs have ended; with wait=false at once."""
    jobs = jobs_for(launcher, overrides, first)
    left = without_record(jobs, overrides, first)
    if not left:
        return returned(jobs, overrides)
    try:
        submitted = submit(array_executor(launcher.params), launcher, [arguments_of(*job) for job in left])
    except BaseException:
        check_of(launcher).withdraw()
        raise
    log.info("%s submitted: SLURM job %s", counted(len(submitted), "job"), array_of(submitted[0]))
    folder = shown(Path(launcher.config.hydra.sweep.dir))
    if launcher.params.get("wait", True):
        log.info(WAITING, folder)
        wait_for_jobs(dict(zip(submitted, (jobs[tuple(job)] for _, job in left), strict=True)))
        return returned(jobs, overrides)
    for job, (_, given) in zip(submitted, left, strict=True):
        log.info("SLURM job %s: %s, log %s", job.job_id, shown(jobs[tuple(given)].folder), shown(job.paths.stderr))
    log.info("renormal-report %s shows how far they are", folder)
    return []


def returned(jobs: Mapping[tuple[str, ...], Job], overrides: Overrides) -> list[JobReturn]:
    """What each job returned to its sweeper, from its record."""
    numbers = (number_of_job(jobs[tuple(given)]) for given in overrides)
    return [JobReturn(status=JobStatus.COMPLETED, _return_value=number) for number in numbers]


def number_of_job(job: Job) -> float | None:
    path = job.folder / RECORD
    try:
        state = read_state(job.folder)
        done = job.has_record or (state is not None and state.state == "done")
        return number_of(read_record(path), job.objective) if job.objective and done and path.is_file() else None
    except ValueError as error:
        log.warning("%s", error)
        return None


def without_record(
    jobs: Mapping[tuple[str, ...], Job], overrides: Overrides, first: int
) -> list[tuple[int, list[str]]]:
    """(number, overrides) of each job that is to be started."""
    left = [(first + index, list(job)) for index, job in enumerate(overrides) if not jobs[tuple(job)].has_record]
    if len(left) < len(overrides):
        log.info("%d of %d jobs already have the record of their config", len(overrides) - len(left), len(overrides))
    return left


def arguments_of(number: int, overrides: list[str]) -> tuple[Any, ...]:
    """What submitit's launcher takes when it is called as a job."""
    return overrides, "hydra.sweep.dir", number, f"job_id_for_{number}", Singleton.get_state()
