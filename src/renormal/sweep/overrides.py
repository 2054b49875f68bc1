"""The overrides of a command and of a sweep's yaml: parsed once, checked against the config."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

SHOWN_BY = {  # key → the part of a job's folder that differs with it
    "model": "model.name",
    "category": "data.category",
    "data.root": "data.category",
    "ablation": "row",
}
UNCHECKED = {"trainer.devices", "trainer.deterministic", "projection"}  # Lightning and Hydra take several types
NULLABLE: dict[str, type] = {  # null in conf/, a number when given
    "threads": int,
    "descent.slots": int,
    "descent.check_every": int,
    "data.channels": int,
    "test.limit": float,
    "trainer.gradient_clip_val": float,
}


def parsed_overrides(config: DictConfig) -> list[Override]:
    """One for each key, of the sweep's yaml and of the command line; the last one counts. config: with hydra."""
    params = [f"{name}={value}" for name, value in (config.hydra.sweeper.get("params") or {}).items()]
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    overrides = parser.parse_overrides([*params, *config.hydra.overrides.task])
    return list({override.get_key_element(): override for override in overrides}.values())


def swept_values(overrides: Iterable[Override]) -> dict[str, list[str]]:
    """The values that a sweep gives to each key."""
    swept = [override for override in overrides if override.is_sweep_override()]
    return {override.key_or_group: list(override.sweep_string_iterator()) for override in swept}


def key_missing_in_folder(config: DictConfig, overrides: Iterable[Override]) -> str | None:
    """The first key that the sweep varies while all its values give the job the same folder."""
    folder = folder_pattern(config)
    for key, values in swept_values(overrides).items():
        if len(values) > 1 and f"${{{SHOWN_BY.get(key, key)}}}" not in folder:
            return key
    return None


def folder_pattern(config: DictConfig) -> str:
    """hydra.sweep.subdir as it is written: with the names of keys, not with their values."""
    sweep = OmegaConf.to_container(config.hydra.sweep, resolve=False)
    assert isinstance(sweep, dict)
    return str(sweep["subdir"])


def faults_in(overrides: Iterable[Override], config: DictConfig) -> list[str]:
    """One line for each key that no part of the program reads, and for each value of a wrong type."""
    loader = GlobalHydra.instance().config_loader()
    choices = [override for override in overrides if is_choice(override, loader)]
    values = [override for override in overrides if override not in choices and not override.is_delete()]
    known = config_without_values(choices, config, loader)
    return [line for override in values for line in faults_of(override, known)]


def is_choice(override: Override, loader: ConfigLoader) -> bool:
    """Whether the override chooses files of a config group, as model=vae does."""
    return bool(loader.get_group_options(override.key_or_group.split("@")[0]))


def config_without_values(choices: Iterable[Override], config: DictConfig, loader: ConfigLoader) -> DictConfig:
    """The config without any value from the command line. Of a swept choice, the first one."""
    lines = [
        f"{override.get_key_element()}={next(iter(override.sweep_string_iterator()))}"
        if override.is_sweep_override()
        else str(override.input_line)
        for override in choices
    ]
    own: Any = OmegaConf.to_container(config.hydra.overrides.hydra)  # as typed: some name keys of jobs
    lines += [line for line in own if line.startswith("hydra.searchpath=")]
    return loader.load_configuration(config.hydra.job.config_name, lines, run_mode=RunMode.MULTIRUN)


def faults_of(override: Override, known: DictConfig) -> Iterator[str]:
    key = override.key_or_group
    if override.is_hydra_override():
        return
    if any(isinstance(value, dict) and "_target_" in value for value in values_of(override)):
        return  # an object under a name of one's own, which checks its arguments itself
    if (override.is_add() or override.is_force_add()) and (there := keys_next_to(key, known)) is not None:
        close = get_close_matches(key.rpartition(".")[2], there, n=1)
        hint = f": {'.'.join([*key.split('.')[:-1], close[0]])} was meant?" if close else ""
        yield f"there is no key {key}{hint}"
        return
    for value in values_of(override):
        if fault := wrong_type(key, value, known):
            yield fault


def keys_next_to(key: str, known: DictConfig) -> list[str] | None:
    """The keys that exist next to an unknown key. None for a known key and for an argument of an object."""
    node: Any = known
    for part in key.split("."):
        if not isinstance(node, DictConfig) or "_target_" in node or node is known.get("projections"):
            return None  # the object is built before the data are read, and checks its arguments itself
        if part not in node:
            return [str(name) for name in node]
        node = node._get_node(part)
    return None


def values_of(override: Override) -> Iterable[Any]:
    if override.is_sweep_override():
        return list(override.sweep_iterator()) if override.is_discrete_sweep() else []
    return [override.value()]


def wrong_type(key: str, value: Any, known: DictConfig) -> str | None:
    """A line for text where conf/ has a number, a whole number or a bool. A number where conf/ has text is text."""
    wanted = NULLABLE.get(key, type(OmegaConf.select(known, key, throw_on_missing=False)))
    if key in UNCHECKED or value is None or wanted not in (bool, int, float):
        return None
    if isinstance(value, str) and value.startswith("${"):
        return None
    if type(value) is wanted or (wanted is float and type(value) is int):
        return None
    name = {bool: "true or false", int: "a whole number", float: "a number"}[wanted]
    return f"{key} must be {name}, got {getattr(value, 'text', value)}"
