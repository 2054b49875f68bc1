"""The command line against the recipe: keys that nobody reads and values of the wrong type end a run at the door."""

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

FREE = {"trainer.devices", "trainer.deterministic", "projection"}  # Lightning and Hydra take several types
NULLABLE: dict[str, type] = {  # null in the recipe, a number when given
    "threads": int,
    "descent.slots": int,
    "descent.check_every": int,
    "data.channels": int,
    "trainer.gradient_clip_val": float,
}


def complaints(config: DictConfig) -> list[str]:
    """One line for each key that nobody would read and each value of a wrong type. config: with hydra."""
    loader = GlobalHydra.instance().config_loader()
    overrides = OverridesParser.create(config_loader=loader).parse_overrides(list(config.hydra.overrides.task))
    values = [override for override in overrides if not is_choice(override, loader) and not override.is_delete()]
    recipe = without(values, overrides, config, loader)
    return [line for override in values for line in complain(override, recipe)]


def is_choice(override: Override, loader: ConfigLoader) -> bool:
    """Whether it picks files of a group: their keys are the recipe."""
    return bool(loader.get_group_options(override.key_or_group.split("@")[0]))


def without(values: list[Override], overrides: list[Override], config: DictConfig, loader: ConfigLoader) -> DictConfig:
    """The recipe as its files say it. Of a swept choice, the first."""
    choices = [
        f"{override.get_key_element()}={next(iter(override.sweep_string_iterator()))}"
        if override.is_sweep_override()
        else str(override.input_line)
        for override in overrides
        if override not in values
    ]
    return loader.load_configuration(config.hydra.job.config_name, choices, run_mode=RunMode.MULTIRUN)


def complain(override: Override, recipe: DictConfig) -> Iterator[str]:
    key = override.key_or_group
    if key.startswith("hydra."):
        return
    if (override.is_add() or override.is_force_add()) and (parent := stranger(key, recipe)) is not None:
        close = get_close_matches(key.rpartition(".")[2], map(str, parent), n=1)
        hint = f": {'.'.join([*key.split('.')[:-1], close[0]])} was meant?" if close else ""
        yield f"nobody reads {key}{hint}"
        return
    for value in values_of(override):
        if fault := mistyped(key, value, recipe):
            yield fault


def stranger(key: str, recipe: DictConfig) -> Iterable[Any] | None:
    """The keys beside an added one that no file of the recipe has; None where what is built there will judge it."""
    node: Any = recipe
    for part in key.split("."):
        if not isinstance(node, DictConfig) or "_target_" in node or node is recipe.get("projections"):
            return None
        if part not in node:
            return list(node)
        node = node._get_node(part)
    return None


def values_of(override: Override) -> Iterable[Any]:
    if override.is_sweep_override():
        return list(override.sweep_iterator()) if override.is_discrete_sweep() else []
    return [override.value()]


def mistyped(key: str, value: Any, recipe: DictConfig) -> str | None:
    """A number where a word is expected does no harm; the other way round it would fail after the data are read."""
    known = OmegaConf.select(recipe, key, throw_on_missing=False)
    wanted = NULLABLE.get(key, type(known))
    if key in FREE or value is None or wanted not in (bool, int, float):
        return None
    if isinstance(value, str) and value.startswith("${"):
        return None
    if wanted is float and type(value) in (int, float):
        return None
    name = {bool: "true or false", int: "a whole number", float: "a number"}[wanted]
    return None if type(value) is wanted else f"{key} must be {name}, got {getattr(value, 'text', value)}"
