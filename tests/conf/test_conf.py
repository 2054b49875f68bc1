"""The config tree: every file composes, sweeps have the jobs that they promise, typos fail at once."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import ConfigCompositionException, InstantiationException
from omegaconf import DictConfig, OmegaConf

from renormal.run import CONF
from renormal.sweep import CheckSweep, swept


def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", list(overrides), return_hydra_config=True)


def names(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


@pytest.mark.parametrize("group", ["model", "data", "projection", "score", "trainer", "logger", "experiment", "sweep"])
def test_every_file_of_a_group_composes(group: str) -> None:
    for name in names(group):
        choice = f"+{group}={name}" if group in ("experiment", "sweep") else f"{group}={name}"
        config = composed(choice.removeprefix("+"))
        assert config.model.name in names("model")


@pytest.mark.parametrize("path", sorted(CONF.rglob("*.yaml")), ids=lambda path: path.relative_to(CONF).as_posix())
def test_yaml_is_block_style_and_opens_with_a_comment(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert path.name != "default.yaml"
    assert lines[0].startswith("#") or path.parent.name in ("logger",)
    if path.parent.name in ("experiment", "sweep"):
        assert lines[0] == "# @package _global_", "after any other first line Hydra drops the package silently"
        assert "renormal " in lines[1], "the command comes first"
        assert "Cost:" in lines[2]
        assert "Expected:" in lines[2]


def test_table1_is_sixty_jobs() -> None:
    config = composed("experiment=table1", "sweep=table1", "data.root=somewhere")
    jobs = list(product(swept(config, "model"), swept(config, "category")))
    assert len(jobs) == len(set(jobs)) == 60
    assert config.hydra.mode.name == "MULTIRUN"
    assert config.trainer.max_epochs * config.data.epoch_images == 3_000_000  # section 4.1


def test_a_sweep_looks_for_every_category_before_it_starts(tmp_path: Path) -> None:
    for part in ("train/good", "test/good", "test/hole", "ground_truth/hole"):
        (tmp_path / "bottle" / part).mkdir(parents=True)
    config = composed("data=mvtec", f"data.root={tmp_path}", "sweep=table1")
    with pytest.raises(InstantiationException, match="has no category carpet"):
        CheckSweep().on_multirun_start(config)


@pytest.mark.parametrize(
    ("override", "part"),
    [("category=botle", "category=botle is not in MVTec AD"), ("data.root=/nowhere", "/nowhere is not a folder")],
)
def test_a_wrong_value_names_itself(override: str, part: str) -> None:
    config = composed("data=mvtec", "data.root=/tmp", override)
    with pytest.raises(InstantiationException, match=part):
        CheckSweep().on_multirun_start(config)


@pytest.mark.parametrize("typo", ["trainer.max_epoch=3", "modle=vae", "projections.eq8.alpha=0.1"])
def test_an_unknown_key_fails(typo: str) -> None:
    with pytest.raises(ConfigCompositionException):
        composed(typo)


def test_one_projection_or_several_can_be_named() -> None:
    assert list(composed("projection=eq5").projections) == ["eq5"]
    assert list(composed("projection=[eq8,eq5]").projections) == ["eq8", "eq5"]


def test_results_lie_where_a_program_finds_them() -> None:
    config = composed("name=x", "model=vae", "category=grid", "seed=3")
    assert config.hydra.run.dir == "outputs/x/vae/grid/3"
    assert config.hydra.sweep.subdir == "vae/grid/3"


def test_photographs_are_filed_under_their_folder() -> None:
    config = composed("data=folder", "data.root=/photos/left hinge", "folder=x")
    assert OmegaConf.select(config, "data.category") == "left hinge"
