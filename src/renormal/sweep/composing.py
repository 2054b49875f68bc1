"""Hydra composes the config of a command twice: to learn its mode, and to start it. From here it is composed once."""

from __future__ import annotations

from collections.abc import Callable

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

Load = Callable[..., DictConfig]
MODES = ("hydra.mode=RUN", "hydra.mode=MULTIRUN")  # Hydra adds one of them before it starts


def compose_once() -> None:
    """From now on in this process."""
    ConfigLoaderImpl.load_configuration = once(ConfigLoaderImpl.load_configuration)  # type: ignore[method-assign]


def once(load: Load) -> Load:
    """load, but a config that was composed for its mode is kept, and taken when the same command starts."""
    kept: dict[tuple[str | None, ...], DictConfig] = {}

    def loaded(
        loader: ConfigLoaderImpl,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        whole = (config_name, *overrides)
        mode = [] if whole in kept else [one for one in overrides[-1:] if one in MODES]
        config = kept.pop(whole[: len(whole) - len(mode)], None)
        if not validate_sweep_overrides or config is None or OmegaConf.missing_keys(config.hydra.runtime.choices):
            config = load(loader, config_name, overrides, run_mode, from_shell, validate_sweep_overrides)
            if not validate_sweep_overrides:  # composed for its mode alone
                kept[whole] = config
            return config
        parse = OverridesParser.create().parse_overrides
        loader.validate_sweep_overrides_legal(parse(overrides), run_mode, from_shell)
        loader._apply_overrides_to_config(parse(mode), config)
        config.hydra.overrides.hydra.extend(mode)
        return config

    return loaded
