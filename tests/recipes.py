"""The recipe with overrides, as Hydra composes it, but each choice of yamls is composed once a process."""

from __future__ import annotations

import pickle
from functools import cache

from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from renormal.run import CONF

_parsed = cache(OverridesParser.create().parse_override)


def recipe(*overrides: str) -> DictConfig:
    """Composing takes 0.1 s, setting values takes 0.01 s: they are set by Hydra's code, in the order given."""
    config: DictConfig = pickle.loads(_composed(*filter(_chooses_yaml, overrides)))  # deepcopy takes 7 times as long
    values = [_parsed(override) for override in overrides if not _chooses_yaml(override)]
    ConfigLoaderImpl._apply_overrides_to_config(values, config)
    return config


@cache
def _composed(*choices: str) -> bytes:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return pickle.dumps(compose("config", list(choices)))


def _chooses_yaml(override: str) -> bool:
    key = override.lstrip("+~").partition("=")[0]
    return "@" in key or key.startswith("hydra") or (CONF / key).is_dir()
