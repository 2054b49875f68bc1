"""The config tree: every file composes, sweeps have the jobs that they promise, typos fail at once."""

from __future__ import annotations

import re
import shlex
import subprocess
from importlib import resources
from itertools import product
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from pages import page
from preloaded import python
from renormal.functional.corruption import Corruption
from renormal.functional.damage import Damage
from renormal.run import CONF, GROUPS
from renormal.sweep.dry_run import OPTION
from renormal.sweep.jobs import composed_jobs, folder_of
from renormal.sweep.overrides import key_missing_in_folder, parsed_overrides, shared_folder, swept_values


def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", list(overrides), return_hydra_config=True)


def composed_sweep(*overrides: str) -> tuple[DictConfig, dict[str, list[str]]]:
    """The config of a sweep, and the values that it gives to each key."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", list(overrides), return_hydra_config=True)
        return config, swept_values(parsed_overrides(config))


def names(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


HEADED = [path for group in ("experiment", "sweep") for path in sorted((CONF / group).glob("*.yaml"))]


@pytest.mark.parametrize(
    "group",
    [*GROUPS, "hydra/launcher"],
)
def test_every_file_of_a_group_composes(group: str) -> None:
    assert names(group)
    for name in names(group):
        choice = f"+{group}={name}" if group in ("experiment", "sweep") else f"{group}={name}"
        config = composed(choice.removeprefix("+"))
        assert config.model.name in names("model")


@pytest.mark.parametrize("path", sorted(CONF.rglob("*.yaml")), ids=lambda path: path.relative_to(CONF).as_posix())
def test_every_yaml_opens_with_what_it_is_for(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert path.name != "default.yaml"
    assert lines[0].startswith("#")
    if path.parent.name in ("experiment", "sweep"):
        assert lines[0] == "# @package _global_", "after any other first line Hydra drops the package silently"
        assert "renormal experiment=" in lines[1], "the command comes first"
        assert "Cost:" in lines[2]
        assert re.search(r"\d", lines[2].partition("Expected:")[2]), "the number that it should reach comes last"


def published(path: Path) -> list[str]:
    """The overrides of the command in the header of an experiment or a sweep."""
    return shlex.split(path.read_text().splitlines()[1].partition("renormal ")[2])


@pytest.mark.parametrize("path", HEADED, ids=lambda path: path.relative_to(CONF).as_posix())
def test_the_command_of_a_header_runs_its_file_and_no_two_jobs_share_a_folder(path: Path) -> None:
    overrides = published(path)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", overrides, run_mode=RunMode.MULTIRUN)
        assert key_missing_in_folder(config, parsed_overrides(config)) is None
    given = dict(override.split("=", 1) for override in overrides)
    assert path.stem in given[path.parent.name].strip("[]").split(",")
    assert (config.hydra.mode is RunMode.MULTIRUN) == ("sweep" in given)


ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
TEXT = "\n".join(map(page, PAGES))


COMMANDS = re.findall(r"^renormal (?:-m )?([^#\n]+)", TEXT, flags=re.MULTILINE)


@pytest.mark.parametrize("command", [command for command in COMMANDS if "hydra.searchpath" not in command])
def test_a_command_of_the_readme_and_the_docs_composes(command: str) -> None:
    overrides = [word for word in shlex.split(command) if word != OPTION]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = GlobalHydra.instance().config_loader().load_configuration("config", overrides, RunMode.MULTIRUN)
    assert config.model.name in names("model")


def test_table1_is_sixty_jobs() -> None:
    config, sweeps = composed_sweep("experiment=table1", "sweep=[models,categories]", "data.root=somewhere")
    jobs = set(product(*sweeps.values()))
    assert sweeps.keys() == {"model", "category"}
    assert len(jobs) == 60
    assert config.hydra.mode.name == "MULTIRUN"
    assert config.trainer.max_epochs * config.data.epoch_images == 3_000_000  # section 4.1


def test_table2_is_one_vae_for_each_category_and_one_job_has_all_of_its_columns() -> None:
    config, sweeps = composed_sweep("experiment=table2", "sweep=categories", "data.root=somewhere")
    assert {key: len(values) for key, values in sweeps.items()} == {"category": 15}
    assert config.trainer.max_epochs * config.data.epoch_images == 3_000_000
    assert config.model.name == "vae"
    text = resources.files("renormal.report").joinpath("table2.csv").read_text(encoding="utf-8")
    published = text.splitlines()[0].split(",")
    assert [f"vae_{name}" for name in (*config.scores, "grad")] == published[1:]
    assert list(config.projections) == ["eq8_adam"]


def test_table2_within_a_cpus_means_tests_the_networks_of_table1() -> None:
    config = composed("experiment=table2_cpu", "category=grid", "data.root=somewhere")
    assert config.stages == ["test"]
    assert config.checkpoint == "outputs/table1_cpu/vae/grid/0/checkpoints/last.ckpt"
    trained = composed("experiment=table1_cpu", "model=vae", "category=grid", "data.root=somewhere")
    for key in ("data", "descent", "test", "trainer", "batch_size", "score"):
        assert config[key] == trained[key], key
    assert list(config.scores) == list(composed("experiment=table2").scores)


@pytest.mark.parametrize(
    ("overrides", "launched"),
    [
        (["hydra/launcher=slurm"], True),
        (["hydra/launcher=submitit_slurm"], True),
        (["hydra/launcher=submitit_local"], True),
        (["experiment=demo", "hydra/launcher=local"], True),
        (["experiment=demo"], False),
        (["experiment=table1_cpu", "hydra/launcher=basic"], False),
        (["hydra.mode=RUN", "hydra/launcher=slurm"], False),
        ([], False),
    ],
)
def test_one_job_is_launched_where_a_launcher_is_chosen(overrides: list[str], launched: bool) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = GlobalHydra.instance().config_loader().load_configuration("config", overrides, RunMode.MULTIRUN)
        assert (config.hydra.mode is RunMode.MULTIRUN) == launched


def test_a_further_score_is_one_override() -> None:
    config = composed("score=squared_error", "+score@scores.smooth=kl_gradient", "scores.smooth.sigma=2")
    assert config.score._target_ == "renormal.scores.SquaredError"
    assert (list(config.scores), config.scores.smooth.sigma) == (["smooth"], 2)


def launched(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [python(), "-m", "renormal.run", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False, timeout=120)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["data.root={root}", "category=bottle,botle"], "renormal: category=botle is not in MVTec AD"),
        (["data.root={root}", "category=bottle,grid"], "has no category grid, it has bottle"),
        (["data.root={root},/nowhere"], "renormal: data.root=/nowhere is not a folder"),
    ],
)
def test_a_sweep_fails_before_its_first_job(tmp_path: Path, arguments: list[str], line: str) -> None:
    for part in ("train/good", "test/good", "test/hole", "ground_truth/hole"):
        (tmp_path / "mvtec" / "bottle" / part).mkdir(parents=True)
        name = "000_mask.png" if part.startswith("ground") else "000.png"
        Image.new("L", (32, 32), 255).save(tmp_path / "mvtec" / "bottle" / part / name)
    root = tmp_path / "mvtec"
    given = [argument.format(root=root) for argument in arguments]
    end = launched(tmp_path, "-m", "data=mvtec", *given)
    assert end.returncode == 2
    assert line in end.stderr.splitlines()[-1]
    assert "Launching" not in end.stdout
    assert not (tmp_path / "outputs").exists() or not list((tmp_path / "outputs").rglob("*.ckpt"))


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        (["batch_size=8,16"], "batch_size"),
        (["seed=0,1", "model=vae,dsae", "model.latent=50,100"], "model.latent"),
        (["seed=0,1", "model=vae,dsae", "category=bottle,grid"], None),
        (["batch_size=8,16", "hydra.sweep.subdir=${batch_size}/${model.name}/${data.category}/${seed}"], None),
    ],
)
def test_jobs_of_a_sweep_have_folders_of_their_own(arguments: list[str], key: str | None) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", arguments, run_mode=RunMode.MULTIRUN)
        assert key_missing_in_folder(config, parsed_overrides(config)) == key


@pytest.mark.parametrize("projections", ["eq8_adam,eq8", "[eq8_adam],[eq8]"])
def test_a_sweep_over_projections_is_told_that_they_are_columns(projections: str) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", [f"projection={projections}"], run_mode=RunMode.MULTIRUN)
        line = "projections are columns of one job, not jobs of their own: give projection=[eq8_adam,eq8]"
        assert shared_folder(config, parsed_overrides(config)) == line


def test_the_folder_that_a_sweep_over_a_group_is_told_to_take_differs_with_it() -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader, swept = GlobalHydra.instance().config_loader(), "score=dssim,msgms"
        config = loader.load_configuration("config", [swept], run_mode=RunMode.MULTIRUN)
        line = shared_folder(config, parsed_overrides(config))
        assert line is not None
        (mend,) = shlex.split(line.partition(": add ")[2])
        config = loader.load_configuration("config", [swept, mend], run_mode=RunMode.MULTIRUN)
        overrides = parsed_overrides(config)
        assert shared_folder(config, overrides) is None
        folders = [folder_of(job)[0] for _, job in composed_jobs(config, overrides)]
    assert [folder.split("/")[0] for folder in folders] == ["dssim", "msgms"]


def test_a_sweep_with_jobs_that_would_share_a_folder_is_refused_with_the_mend(tmp_path: Path) -> None:
    end = launched(tmp_path, "-m", "batch_size=8,16", "data.train=2", "data.good=1", "data.defective=1")
    assert end.returncode == 2
    mend = "'hydra.sweep.subdir=${batch_size}/${model.name}/${data.category}/${seed}'"
    line = f"renormal: jobs that differ in batch_size would overwrite each other: add {mend}"
    assert end.stderr.splitlines()[-1] == line


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


@pytest.mark.parametrize(("task", "subdir"), [("0", ".hydra"), ("1", None)])
def test_the_first_task_of_a_job_alone_writes_its_config(
    monkeypatch: pytest.MonkeyPatch, task: str, subdir: str | None
) -> None:
    monkeypatch.setenv("SLURM_PROCID", task)
    assert composed().hydra.output_subdir == subdir


def test_photographs_are_filed_under_their_folder() -> None:
    config = composed("data=folder", "data.root=/photos/left hinge", "folder=x")
    assert OmegaConf.select(config, "data.category") == "left hinge"


@pytest.mark.parametrize(("damage", "expected"), [("patches", Corruption()), ("pairs", Damage())])
def test_the_damage_of_a_yaml_is_that_of_its_class(damage: str, expected: object) -> None:
    config = composed("experiment=repair_cpu", f"damage@model.net.corruption={damage}")
    assert instantiate(config.model.net.corruption, _convert_="all") == expected
