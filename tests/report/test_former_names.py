"""Commands under former names do what they did, and a line names today's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from renormal.report.former_names import CHOICES, ENTRIES, KEYS, command_line
from renormal.run import CONF
from renormal.sweep.overrides import parsed_overrides, swept_values

MODELS = ["l2_ae", "dsae", "vae", "gamma_vae"]
THREE = ["grid", "bottle", "toothbrush"]


@pytest.mark.parametrize(
    ("former", "today", "line"),
    [
        ("calibrate.holdout=5", "choose.holdout=5", "calibrate.holdout is now choose.holdout"),
        ("calibrate.holdout=5,10", "choose.holdout=5,10", "calibrate.holdout is now choose.holdout"),
        ("calibrate.settings=null", "choose.settings=null", "calibrate.settings is now choose.settings"),
        ("~calibrate.scores.dssim", "~choose.scores.dssim", "~calibrate.scores.dssim is now ~choose.scores.dssim"),
        ("calibrate.search.seed=3", "choose.strategy.seed=3", "calibrate.search.seed is now choose.strategy.seed"),
        (
            "calibrate.search._target_=renormal.search.Grid",
            "choose.strategy._target_=renormal.choose.strategies.Grid",
            "calibrate.search._target_=renormal.search.Grid is now "
            "choose.strategy._target_=renormal.choose.strategies.Grid",
        ),
        ("search=optuna", "choose=optuna", "search is now choose"),
        (
            "+score@calibrate.scores.dssim=dssim",
            "+score@choose.scores.dssim=dssim",
            "+score@calibrate.scores.dssim is now +score@choose.scores.dssim",
        ),
        ("stages=[calibrate]", "stages=[choose]", "stages=[calibrate] is now stages=[choose]"),
        (
            "stages=['train', \"calibrate\"],[test]",
            "stages=['train', \"choose\"],[test]",
            "stages=['train', \"calibrate\"],[test] is now stages=['train', \"choose\"],[test]",
        ),
        (
            "++test.drawn=[calibrated,eq8]",
            "++test.drawn=[chosen,eq8]",
            "++test.drawn=[calibrated,eq8] is now ++test.drawn=[chosen,eq8]",
        ),
        (
            "hydra.sweep.subdir=${calibrate.holdout}/${model.name}",
            "hydra.sweep.subdir=${choose.holdout}/${model.name}",
            "hydra.sweep.subdir=${calibrate.holdout}/${model.name} is now "
            "hydra.sweep.subdir=${choose.holdout}/${model.name}",
        ),
    ],
)
def test_an_argument_under_a_former_name(former: str, today: str, line: str) -> None:
    given = ["--multirun", "model=vae,dsae", former]
    assert command_line(given) == (["--multirun", "model=vae,dsae", today], [line])


@pytest.mark.parametrize(
    "arguments",
    [
        ["-m", "experiment=table1_cpu", "sweep=[models,categories_cpu]", "stages=[train,choose,test]"],
        ["data.root=/calibrate/search", "name=calibrate", "checkpoint=outputs/calibrate_cpu/vae/grid/0/last.ckpt"],
        ["+projections.calibrated.step_size=0.1", "category=bottle", "--cfg", "job", "--config-dir", "calibrate"],
    ],
)
def test_todays_names_and_the_users_own_stay(arguments: list[str]) -> None:
    assert command_line(arguments) == (arguments, [])


def test_a_former_experiment_lands_in_its_former_folder_unless_another_is_named() -> None:
    assert command_line(["experiment=calibrate_cpu"]) == (
        ["experiment=choose_cpu", "name=calibrate_cpu"],
        ["experiment=calibrate_cpu is now experiment=choose_cpu name=calibrate_cpu"],
    )
    assert command_line(["name=mine", "experiment=calibrate"])[0] == ["name=mine", "experiment=choose"]


@pytest.mark.parametrize(
    ("sweep", "given", "axes"),
    [
        ("table1", [], {"model": MODELS, "category": 15}),
        ("rehearsal", [], {"model": MODELS, "category": 15}),
        ("table2", [], {"category": 15}),
        ("table1_cpu", [], {"model": MODELS, "category": THREE}),
        ("table2_cpu", [], {"category": THREE}),
        ("repair_cpu", [], {"category": THREE}),
        ("calibrate_cpu", [], {"model": ["l2_ae", "vae"], "category": THREE}),
        ("latent_cpu", [], {"model": ["vae", "l2_ae"], "category": THREE}),
        ("latent_cpu", ["model=dsae"], {"category": THREE}),
        ("demo", [], {"model": MODELS, "category": ["grid", "bottle", "hazelnut"]}),
        ("demo", ["category=grid"], {"model": MODELS}),
        ("curve", [], {"trainer.max_epochs": ["1", "4", "16", "64"], "category": ["grid", "bottle"]}),
        ("repair_ablation", [], {"ablation": 5, "category": ["bottle", "grid"], "seed": ["0", "1"]}),
    ],
)
def test_a_former_sweep_has_its_axes_launcher_and_folder(sweep: str, given: list[str], axes: dict[str, object]) -> None:
    arguments, _ = command_line([f"experiment={sweep}", f"sweep={sweep}", *given])
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", arguments, run_mode=RunMode.MULTIRUN)
        swept = swept_values(parsed_overrides(config))
    found = {key: values if isinstance(axes.get(key), list) else len(values) for key, values in swept.items()}
    assert found == axes
    assert config.hydra.mode is RunMode.MULTIRUN
    two = not sweep.startswith(("table1", "table2", "rehearsal")) or sweep.endswith("_cpu")
    assert config.hydra.launcher.get("n_jobs") == (2 if two else None)
    assert config.hydra.sweep.dir == f"outputs/{sweep}"


def test_what_the_tables_name_today_exists() -> None:
    for group, choices in CHOICES.items():
        for said in choices.values():
            names = said[0].partition("=")[2].strip("[]").split(",")
            assert all((CONF / group / f"{name}.yaml").is_file() for name in names), said
        assert not [former for former in choices if (CONF / group / f"{former}.yaml").is_file()]
    assert all(len(today.split(".")) == len(former.split(".")) for today, former in KEYS.items())
    assert ENTRIES["stages"].keys() <= {"train", "choose", "test", "inpaint", "sample"}


def test_the_command_prints_the_line_and_runs_what_it_names(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "renormal.run", "calibrate.holdout=7", "--cfg", "job", "--package", "choose"]
    end = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True, timeout=120)
    assert end.stderr.splitlines() == ["renormal: calibrate.holdout is now choose.holdout"]
    assert "holdout: 7" in end.stdout
