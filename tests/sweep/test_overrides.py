"""Keys that do not exist and values of the wrong type, found from the config itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from renormal.run import CONF
from renormal.sweep.overrides import faults_in, parsed_overrides


def faults(*overrides: str) -> list[str]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", list(overrides), run_mode=RunMode.MULTIRUN)
        return faults_in(parsed_overrides(config), config)


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("batch_size=abc", "batch_size must be a whole number, got abc"),
        ("batch_size=1.5", "batch_size must be a whole number, got 1.5"),
        ("batch_size=true", "batch_size must be a whole number, got True"),
        ("batch_size=8,16,x", "batch_size must be a whole number, got x"),
        ("threads=all", "threads must be a whole number, got all"),
        ("test.limit=high", "test.limit must be a number, got high"),
        ("rerun=yes_please", "rerun must be true or false, got yes_please"),
        ("data.augmentation.rotate=much", "data.augmentation.rotate must be a number, got much"),
        ("+descent.max_step=3", "there is no key descent.max_step: descent.max_steps was meant?"),
        ("++descent.max_step=3", "there is no key descent.max_step: descent.max_steps was meant?"),
        ("+colour=red", "there is no key colour"),
    ],
)
def test_what_nobody_can_use_is_named(override: str, line: str) -> None:
    data = ["data=folder"] if override.startswith("data.aug") else []
    assert faults(*data, override) == [line]


@pytest.mark.parametrize(
    "overrides",
    [
        ["batch_size=16,32", "test.limit=1", "threads=null", "name=7", "checkpoint=a.ckpt"],
        ["trainer.devices=auto", "trainer.deterministic=warn", "trainer.precision=16"],
        ["+trainer.limit_train_batches=3"],  # Lightning checks its own arguments
        ["++batch_size=3"],
        ["experiment=repair_cpu", "trainer.gradient_clip_val=250.5"],  # a whole number in the yaml
        ["+projections.mine.step_size=0.1"],  # each projection checks its own arguments
        ["experiment=demo", "sweep=models", "trainer.max_epochs=3", "hydra.launcher.n_jobs=2"],
        ["experiment=table1_cpu", "sweep=[models,categories_cpu]", "budget.vae=3", "trainer.max_epochs=${budget.vae}"],
        ["stages=[test]", "projection=eq5", "~score.sigma"],
        ["+scores.mine={_target_: renormal.scores.DSSIM, window: 7}"],
    ],
)
def test_what_somebody_uses_passes(overrides: list[str]) -> None:
    assert faults(*overrides) == []


def test_a_yaml_of_ones_own_on_the_search_path_passes(tmp_path: Path) -> None:
    (tmp_path / "score").mkdir()
    (tmp_path / "score" / "mine.yaml").write_text("_target_: renormal.scores.DSSIM\nwindow: 7\n")
    own = [f"hydra.searchpath=[file://{tmp_path}]", "+score@scores.mine=mine"]
    assert faults(*own, "scores.mine.window=9") == []
    assert faults(*own, "scores.mine.window=wide") == ["scores.mine.window must be a whole number, got wide"]
