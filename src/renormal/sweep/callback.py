"""What Hydra calls before and after a sweep: every job is checked before the first starts, failures are listed last."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from renormal.console.program import said_if_slow
from renormal.console.text import without_secrets
from renormal.files import check_no_link
from renormal.job.errors import in_one_line, is_for_the_user
from renormal.job.rank import is_rank_zero
from renormal.job.settings import SettingsError, check_settings
from renormal.sweep.dry_run import end_dry_run, jobs_at_a_time, lines_of_job, lines_of_optimizer, lines_of_sweep
from renormal.sweep.ending import after_job, after_sweep, pictures
from renormal.sweep.folders import check_folder, make_folder
from renormal.sweep.forecast import forecast
from renormal.sweep.jobs import Job, jobs_of, take_folder
from renormal.sweep.optimize import check_optimizer, optimizes
from renormal.sweep.overrides import parsed_overrides, shared_folder, too_many, unused_category
from renormal.sweep.plan import PLANNED, delete_old_state, unfinished, write_plan, write_planned
from renormal.sweep.progress import progress_of
from renormal.sweep.refusals import exit_with, line_of
from renormal.sweep.settings import launcher_of, wrong_settings
from renormal.sweep.workers import at_a_time

IN_TERMINAL = ("basic", "joblib")  # launchers whose jobs write into the terminal of the sweep; others log in files
log = logging.getLogger("renormal")


@contextmanager
def one_line() -> Iterator[None]:
    """An error of the block ends the program in one line; wrong settings in a line each."""
    try:
        yield
    except SettingsError as error:
        exit_with(error.lines)
    except Exception as error:  # Hydra would warn of any, and start the jobs
        exit_with([line_of(error)])


class CheckSweep(Callback):
    """Composes and checks every job before the first starts: a typo in the last of 60 shows at once."""

    def __init__(self, dry_run: bool = False) -> None:
        self.dry_run = dry_run  # --dry-run: say what would be started, and end
        self.jobs: dict[tuple[str, ...], Job] = {}
        self.withdraw: Callable[[], None] = lambda: None  # takes the jobs out of plan.json

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        with one_line():
            exit_with(unused_category(config, parsed_overrides(config)) or wrong_settings(config))
            check_folder(Path(config.hydra.run.dir))
            job = deepcopy(config)
            take_folder(job, Path(config.hydra.run.dir))
            check_settings(job)
            if self.dry_run:
                end_dry_run(lines_of_job(Path(config.hydra.run.dir)))
            if is_rank_zero():
                make_folder(Path(config.hydra.run.dir))

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        overrides = parsed_overrides(config)
        with one_line():
            exit_with(unused_category(config, overrides) or wrong_settings(config))
            if optimizes(config):  # the jobs are not known yet
                check_optimizer(config, overrides)
                if self.dry_run:
                    end_dry_run(lines_of_optimizer(config))
                return
            exit_with(too_many(overrides))
            if line := shared_folder(config, overrides):
                exit_with([line])
        with (
            one_line(),
            said_if_slow("planning the sweep: the config of each job, and digests of its images"),
        ):
            self.jobs = jobs_of(config, overrides)
            if self.dry_run:
                end_dry_run(lines_of_sweep(config, self.jobs.values()))
            self.write(config)
        if launcher_of(config.hydra.launcher) == "basic":  # others know later how many run at a time
            say(forecast(config, self.jobs.values(), 1))

    def write(self, config: DictConfig) -> None:
        """Write the plan of the sweep, and delete states of earlier ones."""
        folder, jobs = Path(config.hydra.sweep.dir), self.jobs.values()
        make_folder(folder)
        for name in ("multirun.yaml", PLANNED):
            check_no_link(folder / name)
        for job in jobs:
            check_folder(job.folder)
            if not job.has_record:
                delete_old_state(job.folder)
        launcher = launcher_of(config.hydra.launcher)
        together = 1 if launcher == "slurm" else jobs_at_a_time(config, len(jobs))  # of a cluster nobody knows it
        self.withdraw = write_plan(folder, (job.name for job in jobs), launcher, together)
        write_planned(config, jobs)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """In a sweep, name the pictures of the first job; log a job's error, let the others go on; say how far it is.

        The traceback goes into the job's log alone.
        """
        if config.hydra.mode != RunMode.MULTIRUN:
            return
        if job_return.status != JobStatus.FAILED:
            say(pictures(Path(config.hydra.runtime.output_dir)) if config.hydra.job.num == 0 else [])
        else:
            self.note(config, job_return)
        if len(self.jobs) > 1 and launcher_of(config.hydra.launcher) in IN_TERMINAL:
            say([progress_of(self.jobs.values(), at_a_time())])

    def note(self, config: DictConfig, job_return: JobReturn) -> None:
        """Log the error of a job, and count the job as ended."""
        error = job_return._return_value
        log.error("%s", in_one_line(error))
        if not is_for_the_user(error):
            with (Path(config.hydra.runtime.output_dir) / "run.log").open("a", encoding="utf-8") as file:
                file.write(without_secrets("".join(traceback.format_exception(error))))
        job_return.return_value, job_return.status = None, JobStatus.COMPLETED

    def on_run_end(self, config: DictConfig, **kwargs: Any) -> None:
        if is_rank_zero() and kwargs["job_return"].status == JobStatus.COMPLETED:
            say(after_job(Path(config.folder), Path(config.hydra.sweep.dir)))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        if config.hydra.launcher.get("wait", True):
            say(after_sweep((job.folder for job in self.jobs.values()), Path(config.hydra.sweep.dir)))
        lines = unfinished(self.jobs.values())
        if lines and config.hydra.launcher.get("wait", True):
            exit_with([f"{len(lines)} of {len(self.jobs)} jobs are not done", *lines], status=1)


def say(lines: Sequence[str]) -> None:
    for line in lines:
        log.info("%s", line)


def check_of(launcher: Any) -> CheckSweep:
    """The callback of the launcher's sweep."""
    callbacks = launcher.hydra_context.callbacks.callbacks
    return next(callback for callback in callbacks if isinstance(callback, CheckSweep))


def jobs_for(launcher: Any, overrides: Sequence[Sequence[str]], first: int) -> dict[tuple[str, ...], Job]:
    """The jobs of these overrides: checked before the sweep, or asked for by an optimizer just now."""
    jobs = dict(check_of(launcher).jobs)
    parser = OverridesParser.create(config_loader=launcher.hydra_context.config_loader)
    for number, given in enumerate(overrides, first):
        if tuple(given) not in jobs:
            (job,) = jobs_of(launcher.config, parser.parse_overrides(list(given)), number).values()
            if not job.has_record:
                delete_old_state(job.folder)
            jobs[tuple(given)] = job
    return jobs
