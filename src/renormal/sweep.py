"""Before a sweep starts: the files of every job must be there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import product
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import InstantiationException
from hydra.experimental.callback import Callback
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from renormal.ranks import rank

SHOWN_BY = {"model": "model.name", "category": "data.category", "data.root": "data.category"}  # what a folder shows

OmegaConf.register_new_resolver("first_rank", lambda name: None if rank() else name, replace=True)


class CheckSweep(Callback):
    """Looks up the files of every job: the last of sixty must not fail on a typo after a night."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        for choice in data_choices(config):
            job = config.copy()
            OmegaConf.set_readonly(job, False)
            for key, value in choice.items():
                OmegaConf.update(job, key, value)
            try:
                instantiate(job.data.source, _convert_="all")
            except InstantiationException as error:
                print(f"renormal: {error.__cause__ or error}", file=sys.stderr)
                raise SystemExit(2) from error  # Hydra turns every Exception of a callback into a warning
        if shared := shared_folder(config):
            mend = f"'hydra.sweep.subdir=${{{shared}}}/{job_folder(config)}'"
            print(f"renormal: jobs that differ in {shared} would overwrite each other: add {mend}", file=sys.stderr)
            raise SystemExit(2)


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


def data_choices(config: DictConfig) -> Iterator[dict[str, str]]:
    """Every combination of what the sweep says about data."""
    sweeps = {key: values for key, values in swept(config).items() if key == "category" or key.startswith("data.")}
    for values in product(*sweeps.values()):
        yield dict(zip(sweeps, values, strict=True))


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
