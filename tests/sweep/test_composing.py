"""A command's config is composed once, and is what Hydra composes the second time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from renormal.run import CONF
from renormal.sweep.composing import once

RUN, MULTIRUN = RunMode.RUN, RunMode.MULTIRUN
load = ConfigLoaderImpl.load_configuration


@pytest.fixture
def begun() -> Any:
    """A loader, and a load that counts what is composed."""
    composed: list[list[str]] = []

    def counting(loader: ConfigLoaderImpl, config_name: str, overrides: list[str], *rest: Any) -> DictConfig:
        composed.append(list(overrides))
        return load(loader, config_name, overrides, *rest)

    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield GlobalHydra.instance().config_loader(), once(counting), composed


def asked(loaded: Any, loader: Any, overrides: list[str]) -> DictConfig:
    """As Hydra asks for the mode."""
    config: DictConfig = loaded(
        loader, config_name="config", overrides=overrides, run_mode=MULTIRUN, validate_sweep_overrides=False
    )
    return config


@pytest.mark.parametrize(
    ("overrides", "mode", "start"),
    [
        ([], ["hydra.mode=RUN"], RUN),
        (["model=vae", "seed=3", "hydra.job.chdir=false"], ["hydra.mode=RUN"], RUN),
        (["experiment=table1_cpu", "+own=[1,2]", "~budget", "hydra.mode=RUN"], [], RUN),
        (["seed=0,1", "model=vae,dsae", "hydra/launcher=joblib"], [], MULTIRUN),
        (["seed=0,1"], ["hydra.mode=MULTIRUN"], MULTIRUN),
    ],
)
def test_the_config_that_starts_is_that_of_hydra(
    begun: Any, overrides: list[str], mode: list[str], start: RunMode
) -> None:
    loader, loaded, composed = begun
    asked(loaded, loader, overrides)
    found = loaded(loader, config_name="config", overrides=[*overrides, *mode], run_mode=start)
    assert composed == [overrides]
    wanted = load(loader, "config", [*overrides, *mode], start)
    assert OmegaConf.to_yaml(found) == OmegaConf.to_yaml(wanted)
    assert found.hydra.mode == wanted.hydra.mode
    assert OmegaConf.is_struct(found) == OmegaConf.is_struct(wanted)
    loaded(loader, config_name="config", overrides=[*overrides, *mode], run_mode=start)
    assert len(composed) == 2  # what was changed since is taken by nobody


def test_another_command_is_composed_for_itself(begun: Any) -> None:
    loader, loaded, composed = begun
    asked(loaded, loader, ["seed=1"])
    assert loaded(loader, config_name="config", overrides=["seed=2"], run_mode=RUN).seed == 2
    assert composed == [["seed=1"], ["seed=2"]]


def test_what_hydra_refuses_at_the_start_is_refused(begun: Any, tmp_path: Path) -> None:
    loader, loaded, _ = begun
    for overrides, mode, words in (
        (["seed=0,1"], "hydra.mode=RUN", "Ambiguous value for argument 'seed=0,1'"),
        (["seed=range(3)"], "hydra.mode=RUN", "requires --multirun"),
        (["hydra.job.name=a,b"], "hydra.mode=MULTIRUN", "Sweeping over Hydra's configuration"),
    ):
        asked(loaded, loader, overrides)
        start = RUN if mode.endswith("=RUN") else MULTIRUN
        with pytest.raises(ConfigCompositionException, match=words):
            loaded(loader, config_name="config", overrides=[*overrides, mode], run_mode=start)
    folder = tmp_path / "experiment"
    folder.mkdir()
    (folder / "open.yaml").write_text("# @package _global_\ndefaults:\n  - /data/own: ???\n")
    (tmp_path / "data" / "own").mkdir(parents=True)
    (tmp_path / "data" / "own" / "mine.yaml").write_text("a: 1\n")
    overrides = [f"hydra.searchpath=[file://{tmp_path}]", "experiment=open"]
    asked(loaded, loader, overrides)
    with pytest.raises(ConfigCompositionException, match="'data/own'"):
        loaded(loader, config_name="config", overrides=[*overrides, "hydra.mode=RUN"], run_mode=RUN)
