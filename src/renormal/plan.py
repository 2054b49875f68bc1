"""What a sweep is going to do, plan.json, and how it ended."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, open_dict, read_write

from renormal.state import LOCK, holder, locked, read_state, shown, write_whole

FILE = "plan.json"


class Job(NamedTuple):
    """One job of a sweep. name: its folder below the sweep's. answered: a record of its very config is there."""

    overrides: tuple[str, ...]
    name: str
    folder: Path
    answered: bool = False


def compose_jobs(config: DictConfig) -> list[tuple[list[str], DictConfig]]:
    """The config of every job of a sweep, as its launcher will compose it."""
    loader = GlobalHydra.instance().config_loader()
    given = [f"{name}={value}" for name, value in (config.hydra.sweeper.get("params") or {}).items()]
    overrides = OverridesParser.create(config_loader=loader).parse_overrides([*given, *config.hydra.overrides.task])
    (combinations,) = BasicSweeper.split_arguments(overrides, None)
    jobs = []
    for number, combination in enumerate(combinations):
        job = loader.load_sweep_config(config, list(combination))
        with open_dict(job):
            job.hydra.job.num, job.hydra.job.id = number, str(number)
        jobs.append((combination, job))
    return jobs


def folder_of(job: DictConfig) -> tuple[str, Path]:
    """The name of a job and the folder that it will work in. Afterwards ${hydra:…} speaks of this job."""
    HydraConfig.instance().set_config(job)
    name = str(job.hydra.sweep.subdir)
    with read_write(job.hydra.runtime), open_dict(job.hydra.runtime):
        job.hydra.runtime.output_dir = str((Path(job.hydra.sweep.dir) / name).absolute())
    HydraConfig.instance().set_config(job)
    return name, Path(job.folder)


def write_plan(folder: Path, jobs: Iterable[str], launcher: str) -> None:
    """Merged into what other sweeps of that name have planned."""
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / LOCK, patience=10.0):
        path = folder / FILE
        before = json.loads(path.read_text(encoding="utf-8"))["jobs"] if path.is_file() else []
        plan = {"jobs": list(dict.fromkeys([*before, *jobs])), "launcher": launcher, "started": time.time()}
        write_whole(path, json.dumps(plan, indent=1, ensure_ascii=False))


def verdict(jobs: Iterable[Job]) -> list[str]:
    """One line for each job that did not end well."""
    return [line for job in jobs if (line := complaint(job))]


def complaint(job: Job) -> str | None:
    """What is wrong with a job whose sweep is over."""
    state = read_state(job.folder)
    if job.answered or (state is not None and state.state == "done"):
        return None
    if state is None:
        return f"{job.name} has not begun"
    where = shown((job.folder / state.log).resolve())
    if state.state == "failed":
        return f"{job.name} failed: {state.error} ({where})"
    if name := holder(job.folder):
        return f"{job.name} is still being worked on by {name}"
    return f"{job.name} was killed or interrupted, the same command goes on after {state.epoch} epochs ({where})"
