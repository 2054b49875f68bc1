"""What a sweep is going to do, plan.json, and how it ended."""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, open_dict, read_write

from renormal.files import shown, write_whole
from renormal.job.lock import LOCK, holder, locked
from renormal.job.state import read_state

FILE = "plan.json"


class Job(NamedTuple):
    """One job of a sweep. name: its folder below the sweep's. answered: a record of its very config is there."""

    overrides: tuple[str, ...]
    name: str
    folder: Path
    answered: bool = False


def compose_jobs(config: DictConfig) -> list[tuple[list[str], DictConfig]]:
    """The config of every job of a sweep, as its launcher will compose it.

    Each choice of groups is composed once and values are set on copies of it: 60 jobs wait for 4 compositions.
    """
    loader = GlobalHydra.instance().config_loader()
    parser = OverridesParser.create(config_loader=loader)
    given = [f"{name}={value}" for name, value in (config.hydra.sweeper.get("params") or {}).items()]
    (combinations,) = BasicSweeper.split_arguments(parser.parse_overrides([*given, *config.hydra.overrides.task]), None)
    composed: dict[tuple[str, ...], bytes] = {}  # pickled: OmegaConf's own copies take six times as long
    group = cache(lambda name: bool(loader.get_group_options(name)))  # Hydra copies all that it has read to answer
    jobs = []
    for number, combination in enumerate(combinations):
        overrides = parser.parse_overrides(combination)
        values = [override for override in overrides if sets_value(override, group)]
        groups = tuple(str(override.input_line) for override in overrides if override not in values)
        if groups not in composed:
            composed[groups] = pickle.dumps(loader.load_sweep_config(config, list(groups)))
        job = with_values(pickle.loads(composed[groups]), values, overrides)
        with open_dict(job):
            job.hydra.job.num, job.hydra.job.id = number, str(number)
        jobs.append((combination, job))
    return jobs


def sets_value(override: Override, group: Callable[[str], bool]) -> bool:
    """Whether it changes a plain value: no group, nothing added or deleted, nothing of Hydra's own."""
    plain = override.type is OverrideType.CHANGE and override.package is None and not override.is_hydra_override()
    return plain and not group(override.key_or_group)


def with_values(config: DictConfig, values: list[Override], overrides: list[Override]) -> DictConfig:
    """Further values set in a composed config, and what Hydra says in it of all its overrides."""
    ConfigLoaderImpl._apply_overrides_to_config(values, config)
    shown = config.hydra.job.config.override_dirname
    with open_dict(config.hydra):
        config.hydra.overrides.task = [override.input_line for override in overrides]
        config.hydra.job.override_dirname = get_overrides_dirname(
            overrides, kv_sep=shown.kv_sep, item_sep=shown.item_sep, exclude_keys=shown.exclude_keys
        )
    return config


def folder_of(job: DictConfig) -> tuple[str, Path]:
    """The name of a job and the folder that it will work in. Hydra's own part leaves the job, ${hydra:…} speaks of it.

    HydraConfig.set_config copies that part to the same end, which for sixty jobs takes seconds.
    """
    hydra = job.hydra
    HydraConfig.instance().cfg = cast(Any, SimpleNamespace(hydra=hydra))  # its parent stays the job
    name, sweep = str(hydra.sweep.subdir), Path(hydra.sweep.dir)  # either may name hydra.job
    with read_write(job), open_dict(job):
        del job["hydra"]
    with read_write(hydra.runtime), open_dict(hydra.runtime):
        hydra.runtime.output_dir = str((sweep / name).absolute())
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
