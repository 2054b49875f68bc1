"""Each yaml of conf/ and of Hydra's package is read once a process: that is nearly half of composing a config."""

from __future__ import annotations

import pickle

from hydra import compose, initialize_config_dir
from hydra._internal.config_repository import ConfigRepository
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult

from renormal.files import CONF

_read = ConfigRepository.load_config
_kept: dict[tuple[str, str], bytes] = {}


def parse_once() -> None:
    """From now on in this process, and in its forks. Hydra still reads each yaml that is elsewhere."""
    ConfigRepository.load_config = _load_config  # type: ignore[method-assign]


def compose_one() -> None:
    """A first config takes longer than the next: Hydra looks for its plugins, and learns its grammar."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        compose("config", ["experiment=table1_cpu", "seed=1"], return_hydra_config=True)


def _load_config(repository: ConfigRepository, config_path: str) -> ConfigResult | None:
    source = repository._find_object_source(config_path, ObjectType.CONFIG)
    if source is None or not (source.path == str(CONF) or source.scheme() == "pkg"):
        return _read(repository, config_path)
    key = (source.path, config_path)
    if key not in _kept:
        _kept[key] = pickle.dumps(_read(repository, config_path))
    result: ConfigResult = pickle.loads(_kept[key])
    return result
