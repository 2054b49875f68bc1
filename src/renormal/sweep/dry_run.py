"""renormal --dry-run: which jobs a command starts, how long they take, and what SLURM is asked for."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NoReturn

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from renormal.console.text import counted
from renormal.files import shown
from renormal.sweep.forecast import cost_of, forecast
from renormal.sweep.jobs import Job
from renormal.sweep.settings import launcher_of
from renormal.sweep.slurm import sbatch_lines
from renormal.sweep.workers import cores, how_many, visible_devices

OPTION = "--dry-run"
OVERRIDE = "+hydra.callbacks.check.dry_run=true"  # what main makes of it
END = "dry run: no job was started, no folder of a job was made"


def end_dry_run(lines: Collection[str]) -> NoReturn:
    print("\n".join([*lines, END]))
    raise SystemExit(0)


def lines_of_job(folder: Path) -> list[str]:
    """For a command of one job, which works in this folder."""
    experiment = str(HydraConfig.get().runtime.choices.get("experiment"))
    cost = cost_of(experiment)
    return [f"1 job: {shown(folder)}", *([f"published cost of experiment={experiment}: {cost}"] if cost else [])]


def lines_of_sweep(config: DictConfig, jobs: Collection[Job]) -> list[str]:
    """The jobs, those with a record named as done, then their time; on SLURM the options of sbatch."""
    left = [job for job in jobs if not job.has_record]
    lines = [f"{counted(len(jobs), 'job')}, {len(jobs) - len(left)} done:"]
    lines += [f"  {shown(job.folder)}{' (done)' if job.has_record else ''}" for job in jobs]
    lines += forecast(config, jobs, jobs_at_a_time(config, len(left)))
    if left and launcher_of(config.hydra.launcher) == "slurm":
        params = {key: value for key, value in config.hydra.launcher.items() if key != "_target_"}
        lines += ["sbatch gets:", *(f"  {line}" for line in sbatch_lines(params, len(left)))]
    return lines


def lines_of_optimizer(config: DictConfig) -> list[str]:
    """Its jobs are not known: each depends on the numbers of those before."""
    trials = counted(int(config.hydra.sweeper.n_trials), "job")
    return [f"up to {trials} in {shown(Path(config.hydra.sweep.dir))}: hydra/sweeper=optuna chooses them while it runs"]


def jobs_at_a_time(config: DictConfig, left: int) -> int:
    """How many jobs the launcher runs together."""
    launcher = config.hydra.launcher
    match launcher_of(launcher):
        case "slurm":
            return max(1, min(left, int(launcher.array_parallelism)))
        case "joblib" | "local":
            devices = 0 if launcher.n_jobs is not None else len(visible_devices())
            return how_many(launcher.n_jobs, devices, cores())
    return 1
