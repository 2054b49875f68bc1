"""Before a sweep starts: every job can run, and which of them are done. When it is over: what became of each."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException, InstantiationException
from hydra.experimental.callback import Callback
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from renormal.job.errors import in_one_line, is_for_the_user
from renormal.job.fingerprints import fingerprints, has_record, possible_precisions, source_of
from renormal.job.lock import LOCK, BusyError, locked
from renormal.job.state import FILE, read_state
from renormal.sweep.overrides import complaints
from renormal.sweep.plan import Job, compose_jobs, folder_of, verdict, write_plan

SHOWN_BY = {  # what a folder shows of a key
    "model": "model.name",
    "category": "data.category",
    "data.root": "data.category",
    "ablation": "row",
}
log = logging.getLogger("renormal")


class CheckSweep(Callback):
    """Looks at every job before the first starts: the last of sixty must not fail on a typo after a night."""

    def __init__(self) -> None:
        self.jobs: dict[tuple[str, ...], Job] = {}

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        refuse(complaints(config), status=1)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        refuse(complaints(config))
        if shared := shared_folder(config):
            mend = f"'hydra.sweep.subdir=${{{shared}}}/{job_folder(config)}'"
            refuse([f"jobs that differ in {shared} would overwrite each other: add {mend}"])
        try:
            self.jobs = look_at(config)
        except (InstantiationException, HydraException, OmegaConfBaseException, ValueError) as error:
            refuse([in_one_line(error.__cause__ or error).partition(" Config search path")[0]])
        for job in self.jobs.values():
            if not job.answered:
                forget_last_end(job.folder)
        write_plan(Path(config.hydra.sweep.dir), (job.name for job in self.jobs.values()), launcher_of(config))

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """In a sweep an error stays in its job: one line now and one at the end, the traceback in its log."""
        if config.hydra.mode != RunMode.MULTIRUN or job_return.status != JobStatus.FAILED:
            return
        error = job_return._return_value
        log.error("%s", in_one_line(error))
        if not is_for_the_user(error):
            with (Path(config.hydra.runtime.output_dir) / "run.log").open("a", encoding="utf-8") as file:
                traceback.print_exception(error, file=file)
        job_return.return_value, job_return.status = None, JobStatus.COMPLETED

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        lines = verdict(self.jobs.values())
        if lines:
            refuse([f"{len(lines)} of {len(self.jobs)} jobs are not done", *lines], status=1)


def refuse(lines: list[str], status: int = 2) -> None:
    """End here if there is anything to say. Hydra turns every Exception of a callback into a warning, this is none."""
    for line in lines:
        print(f"renormal: {line}", file=sys.stderr)
    if lines:
        raise SystemExit(status)


def planned(context: HydraContext) -> dict[tuple[str, ...], Job]:
    """By overrides, what the sweep's callback found out about each job; for the launchers."""
    return next(callback.jobs for callback in context.callbacks.callbacks if isinstance(callback, CheckSweep))


def look_at(config: DictConfig) -> dict[tuple[str, ...], Job]:
    """Every job of the sweep, its data looked up and its record read. Raises ValueError for one that cannot run."""
    jobs, sources = {}, {}
    for overrides, job in compose_jobs(config):
        refuse([line] if (line := too_many_devices(job, launcher_of(config))) else [])
        name, folder = folder_of(job)
        OmegaConf.resolve(job)
        key = f"{OmegaConf.to_yaml(job.data.source)}{job.choose.holdout}"
        if key not in sources:
            sources[key] = source_of(job)
        names = (fingerprints(job, sources[key], precision) for precision in possible_precisions(job))
        done = any(has_record(job, folder, hashes) for hashes in names)
        jobs[tuple(overrides)] = Job(tuple(overrides), name, folder, done)
    return jobs


def forget_last_end(folder: Path) -> None:
    """How an earlier sweep's job ended there says nothing about this one's."""
    if (state := read_state(folder)) is None or state.state in ("running", "interrupted"):
        return
    try:
        with locked(folder / LOCK, patience=0.0):
            (folder / FILE).unlink(missing_ok=True)
    except BusyError:
        log.info("%s is being worked on by another sweep", folder)


def launcher_of(config: DictConfig) -> str:
    """slurm, local, joblib or basic."""
    return str(config.hydra.launcher._target_).rpartition(".")[2].lower().removesuffix("launcher")


def too_many_devices(job: DictConfig, launcher: str) -> str | None:
    """Why a job on several devices cannot run from here: Lightning would start the whole sweep again for each rank."""
    devices, nodes = job.trainer.devices, int(job.trainer.get("num_nodes", 1))
    count = len(devices) if OmegaConf.is_list(devices) else devices
    if count == 1 and nodes == 1:
        return None
    said = f"trainer.devices={devices}, trainer.num_nodes={nodes}"
    if launcher != "slurm":
        return f"{said} cannot run in a sweep of launcher {launcher}: one job at a time, or hydra/launcher=slurm"
    tasks = (job.hydra.launcher.tasks_per_node, job.hydra.launcher.nodes)
    if tasks != (count, nodes):
        return (
            f"{said} needs hydra.launcher.tasks_per_node={count} hydra.launcher.nodes={nodes}: a task for each device"
        )
    return None


def job_folder(config: DictConfig) -> str:
    """Where each job of a sweep goes, with the names of the keys instead of their values."""
    sweep = OmegaConf.to_container(config.hydra.sweep, resolve=False)
    assert isinstance(sweep, dict)
    return str(sweep["subdir"])


def shared_folder(config: DictConfig) -> str | None:
    """A key that the sweep varies and that the jobs' folders do not show."""
    for key, values in swept(config).items():
        if len(values) > 1 and f"${{{SHOWN_BY.get(key, key)}}}" not in job_folder(config):
            return key
    return None


def swept(config: DictConfig) -> dict[str, list[str]]:
    """The values that a sweep gives to each key, from the command line or from the sweeper's own list."""
    given = [f"{name}={value}" for name, value in (config.hydra.sweeper.get("params") or {}).items()]
    overrides = OverridesParser.create().parse_overrides([*given, *config.hydra.overrides.task])
    values: dict[str, list[str]] = {}
    for override in overrides:
        if override.is_sweep_override():
            values[override.key_or_group] = list(override.sweep_string_iterator())
        else:
            values.pop(override.key_or_group, None)  # said again on the command line, no longer swept
    return values
