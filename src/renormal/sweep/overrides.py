"""The overrides of a command and of a sweep's yaml."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep
from omegaconf import DictConfig, OmegaConf

MOST = 10_000  # jobs of a sweep, ours: table 1 has 60
SHOWN_BY = {  # key → the part of a job's folder that differs with it
    "model": "model.name",
    "category": "data.category",
    "data.root": "data.category",
    "data.csv": "data.category",
    "ablation": "row",
}


def parsed_overrides(config: DictConfig) -> list[Override]:
    """One for each key, of the sweep's yaml and of the command line; the last one counts. config: with hydra."""
    params = [f"{name}={value}" for name, value in (config.hydra.sweeper.get("params") or {}).items()]
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    typed = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)  # each job resolves its own ${…}
    assert isinstance(typed, list)
    overrides = parser.parse_overrides([*params, *typed])
    return list({override.get_key_element(): override for override in overrides}.values())


def too_many(overrides: Iterable[Override]) -> list[str]:
    """A line for a sweep of more than MOST jobs, before any list of them is made."""
    counts = {one.key_or_group: count_of(one) for one in overrides if one.is_sweep_override()}
    if math.prod(counts.values()) <= MOST:
        return []
    key = max(counts, key=counts.__getitem__)
    return [f"the sweep has more than {MOST} jobs: give fewer values of {key}"]


def count_of(override: Override) -> int:
    """How many values a sweep has of one key; MOST + 1 for more, and for a range without an end."""
    sweep = override.value()
    if isinstance(sweep, RangeSweep):
        start, stop, step = (float(number or 0) for number in (sweep.start, sweep.stop, sweep.step))
        steps = (stop - start) / step if step else math.inf
        return max(0, math.ceil(steps)) if steps <= MOST else MOST + 1
    return sum(1 for _ in islice(override.sweep_iterator(), MOST + 1))


def swept_values(overrides: Iterable[Override]) -> dict[str, list[str]]:
    """The values that a sweep gives to each key."""
    swept = [override for override in overrides if override.is_sweep_override()]
    return {override.key_or_group: list(override.sweep_string_iterator()) for override in swept}


def key_missing_in_folder(config: DictConfig, overrides: Iterable[Override]) -> str | None:
    """The first key that the sweep varies while all its values give the job the same folder."""
    folder = folder_pattern(config)
    for key, values in swept_values(overrides).items():
        if len(values) > 1 and f"${{{shown_by(key)}}}" not in folder:
            return key
    return None


def shown_by(key: str) -> str:
    """What a folder needs in ${…} to differ with the key: of a group it is the name of the chosen file."""
    if key not in SHOWN_BY and GlobalHydra.instance().config_loader().get_group_options(key):
        return f"hydra:runtime.choices.{key}"
    return SHOWN_BY.get(key, key)


def shared_folder(config: DictConfig, overrides: Iterable[Override]) -> str | None:
    """A line for jobs that would share a folder, with the mend."""
    given = list(overrides)
    key = key_missing_in_folder(config, given)
    if key == "projection":
        names = ",".join(value.strip("[]") for value in swept_values(given)[key])
        return f"projections are columns of one job, not jobs of their own: give projection=[{names}]"
    mend = f"'hydra.sweep.subdir=${{{shown_by(key)}}}/{folder_pattern(config)}'" if key else ""
    return f"jobs that differ in {key} would overwrite each other: add {mend}" if key else None


def folder_pattern(config: DictConfig) -> str:
    """hydra.sweep.subdir as it is written: with the names of keys, not with their values."""
    sweep = OmegaConf.to_container(config.hydra.sweep, resolve=False)
    assert isinstance(sweep, dict)
    return str(sweep["subdir"])


def is_choice(override: Override, loader: ConfigLoader) -> bool:
    """Whether the override chooses files of a config group, as model=vae does."""
    return bool(loader.get_group_options(override.key_or_group.split("@")[0]))


def unused_category(config: DictConfig, overrides: Iterable[Override]) -> list[str]:
    """A line for a category from the command line that the data set does not take."""
    values = [override.value() for override in overrides if override.key_or_group == "category"]
    raw = OmegaConf.to_container(config.data, resolve=False)
    if not values or ("${category}" in str(raw) and not _ignored(config, raw)):
        return []
    return [f"category is not a setting of data={config.data.name}: its results are named by data.category"]


def _ignored(config: DictConfig, raw: Any) -> bool:
    """Whether data.category is worked out from the category, and is another: a table without a column of them."""
    return "${category}" in str(raw["category"]) and config.data.category != config.category
