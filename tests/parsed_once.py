"""Each yaml of conf/ and of Hydra's package, and each ${…}, is read once a process: half of composing a config."""

from __future__ import annotations

import pickle
from functools import cache
from importlib.metadata import entry_points
from typing import Any, cast

import omegaconf._utils
import omegaconf.base
from hydra import compose, initialize_config_dir
from hydra._internal.config_repository import ConfigRepository
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult
from lightning.fabric.utilities import registry
from omegaconf import OmegaConf, grammar_parser

from renormal.files import CONF
from renormal.settings.faults import faults_in
from renormal.sweep.settings import wrong_settings

_read = ConfigRepository.load_config
_kept: dict[tuple[str, str], bytes] = {}


def parse_once() -> None:
    """From now on in this process, and in its forks. Hydra still reads each yaml that is elsewhere."""
    ConfigRepository.load_config = _load_config  # type: ignore[method-assign]
    registry.entry_points = cache(entry_points)  # of other packages, which Lightning reads for each Trainer
    omegaconf.base.parse = omegaconf._utils.parse = cache(grammar_parser.parse)  # of ${…}: trees that nobody changes


def compose_one() -> None:
    """A first config takes longer than the next: Hydra looks for its plugins, learns its grammar, pydantic builds."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", ["experiment=table1_cpu", "seed=1", "data.root=."], return_hydra_config=True)
    wrong_settings(config)
    faults_in(cast("dict[str, Any]", OmegaConf.to_container(config)))


def _load_config(repository: ConfigRepository, config_path: str) -> ConfigResult | None:
    source = repository._find_object_source(config_path, ObjectType.CONFIG)
    if source is None or not (source.path == str(CONF) or source.scheme() == "pkg"):
        return _read(repository, config_path)
    key = (source.path, config_path)
    if key not in _kept:
        _kept[key] = pickle.dumps(_read(repository, config_path))
    result: ConfigResult = pickle.loads(_kept[key])
    return result
