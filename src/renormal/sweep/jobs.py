"""The jobs of a sweep: the config of each, its folder, and whether its record is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from hydra._internal.config_loader_impl import get_overrides_dirname
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from renormal.console.text import is_below
from renormal.job.fingerprints import fingerprints, has_record, possible_precisions, source_of
from renormal.job.objective import objective_of
from renormal.job.planned import plan_of
from renormal.job.settings import UNFOUND, SettingsError, check_settings
from renormal.job.tiling import with_directions
from renormal.sweep.overrides import is_choice
from renormal.sweep.settings import launcher_of

HERE = ", on this node, too: jobs are checked before they are submitted"


class Job(NamedTuple):
    """One job of a sweep."""

    overrides: tuple[str, ...]
    name: str  # of its folder, below the sweep's
    folder: Path
    has_record: bool  # of this very config: there is nothing to do
    plan: dict[str, Any]  # what decides its numbers
    objective: str | None  # the name of what it returns


def jobs_of(config: DictConfig, overrides: Iterable[Override], first: int = 0) -> dict[tuple[str, ...], Job]:
    """Every job of the sweep by its overrides. Raises ValueError for one that cannot run. first: its number."""
    jobs, sources = {}, {}
    for combination, job in composed_jobs(config, overrides, first):
        launcher = job.hydra.launcher
        name, folder = folder_of(job)
        check_here(job, launcher_of(config.hydra.launcher))
        if not is_below(name):
            mend = "a job lies in the folder of its sweep, give no . or .. as a part and no / at the ends"
            raise ValueError(f"hydra.sweep.subdir={name}: {mend}")
        if job["continue"] is not None:
            raise ValueError("continue= is for one job: give a command for each, without -m and without a launcher")
        if fault := wrong_launcher(job, launcher, launcher_of(config.hydra.launcher)):
            raise ValueError(fault)
        OmegaConf.resolve(job)
        data = f"{OmegaConf.to_yaml(job.data.source)}{job.choose.holdout} {job.test.holdout} {job.test.fold}"
        if data not in sources:
            sources[data] = source_of(job)
        job, source, _ = with_directions(job, sources[data])
        hashes = (fingerprints(job, source, precision) for precision in possible_precisions(job))
        done = any(has_record(job, folder, wanted) for wanted in hashes)
        plan = plan_of(job, source)
        jobs[tuple(combination)] = Job(tuple(combination), name, folder, done, plan, objective_of(job))
    return jobs


def check_here(job: DictConfig, launcher: str) -> None:
    """As check_settings. A package that only the nodes of SLURM have is missed here first, and the line says why."""
    try:
        check_settings(job)
    except SettingsError as error:
        if launcher != "slurm":
            raise
        raise SettingsError([f"{line}{HERE if UNFOUND in line else ''}" for line in error.lines]) from error


def composed_jobs(
    config: DictConfig, overrides: Iterable[Override], first: int = 0
) -> Iterator[tuple[list[str], DictConfig]]:
    """The overrides and the config of every job of a sweep, as its launcher composes it.

    Hydra needs 0.12 s for a config: 7.4 s for the 60 jobs of table 1, and 1.2 s in this way. It composes one config for
    each choice of files (4 of them); other values are set in copies of it.
    """
    loader = GlobalHydra.instance().config_loader()
    parse = cache(OverridesParser.create().parse_override)
    chosen = cache(lambda line: not is_value(parse(line), loader))
    (combinations,) = BasicSweeper.split_arguments(list(overrides), None)
    composed: dict[tuple[str, ...], DictConfig] = {}
    for number, combination in enumerate(combinations, first):
        choices = tuple(filter(chosen, combination))
        if choices not in composed:
            composed[choices] = loader.load_sweep_config(config, list(choices))
        job = deepcopy(composed[choices])
        try:
            for override in (parse(line) for line in combination if not chosen(line)):
                OmegaConf.update(job, override.key_or_group, override.value(), merge=True)
        except OmegaConfBaseException:  # a key that is not there: Hydra's own message says how to add one
            job = loader.load_sweep_config(config, combination)
        write_overrides(job, [parse(line) for line in combination])
        with open_dict(job):
            job.hydra.job.num, job.hydra.job.id = number, str(number)
        yield combination, job


def is_value(override: Override, loader: ConfigLoader) -> bool:
    """Whether it changes the value of an existing key: it chooses no file, adds no key and deletes none."""
    plain = override.type is OverrideType.CHANGE and override.package is None and not override.is_hydra_override()
    return plain and not is_choice(override, loader)


def write_overrides(job: DictConfig, overrides: list[Override]) -> None:
    """Write into the job's config, in its part `hydra`, which overrides it has."""
    style = job.hydra.job.config.override_dirname
    with open_dict(job.hydra):
        job.hydra.overrides.task = [override.input_line for override in overrides]
        job.hydra.job.override_dirname = get_overrides_dirname(
            overrides, kv_sep=style.kv_sep, item_sep=style.item_sep, exclude_keys=style.exclude_keys
        )


def folder_of(job: DictConfig) -> tuple[str, Path]:
    """The name of a job and the folder that it works in. Takes the part `hydra` out of the job, as Hydra does."""
    HydraConfig.instance().set_config(job)  # what ${hydra:…} speaks of
    name = str(job.hydra.sweep.subdir)
    take_folder(job, Path(job.hydra.sweep.dir) / name)
    return name, Path(job.folder)


def take_folder(job: DictConfig, folder: Path) -> None:
    """Name the folder to the job, and take the part `hydra` out of it, as Hydra does."""
    HydraConfig.instance().set_config(job)
    hydra: Any = HydraConfig.get()
    with read_write(hydra), open_dict(hydra):
        hydra.runtime.output_dir = str(folder.absolute())
    with read_write(job), open_dict(job):
        del job["hydra"]


def wrong_launcher(job: DictConfig, settings: DictConfig, launcher: str) -> str | None:
    """Why this launcher cannot start a job on several devices: Lightning would start the sweep again for each rank.

    settings: hydra.launcher of the job.
    """
    devices, nodes = job.trainer.devices, int(job.trainer.get("num_nodes", 1))
    count = len(devices) if OmegaConf.is_list(devices) else devices
    if count == 1 and nodes == 1:
        return None
    given = f"trainer.devices={devices}, trainer.num_nodes={nodes}"
    if launcher != "slurm":
        return f"{given} cannot run in a sweep of launcher {launcher}: one job at a time, or hydra/launcher=slurm"
    tasks = (settings.tasks_per_node, settings.nodes)
    if tasks != (count, nodes):
        return (
            f"{given} needs hydra.launcher.tasks_per_node={count} hydra.launcher.nodes={nodes}: a task for each device"
        )
    return None
