"""Before a sweep starts: every category that it names must be there."""

from __future__ import annotations

from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf


class CheckSweep(Callback):
    """Looks up the files of each swept category, so that the last of sixty jobs cannot fail on a typo after a night."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        for category in swept(config, "category"):
            job = config.copy()
            OmegaConf.set_readonly(job, False)
            job.category = category
            instantiate(job.data.source)


def swept(config: DictConfig, key: str) -> list[str]:
    """The values that a sweep gives to one key, from the command line or from the sweeper's own list."""
    given = [f"{name}={value}" for name, value in (config.hydra.sweeper.get("params") or {}).items()]
    overrides = OverridesParser.create().parse_overrides([*given, *config.hydra.overrides.task])
    values = [str(config[key])]
    for override in overrides:
        if override.key_or_group == key:
            sweep = override.is_sweep_override()
            values = list(override.sweep_string_iterator()) if sweep else [str(override.value())]
    return values
