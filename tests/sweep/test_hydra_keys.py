"""Hydra's own keys and options that lead out of the job's folder, or fail in Hydra, are one line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from preloaded import python
from renormal.files import CONF
from renormal.sweep.arguments import check_options, options_first
from renormal.sweep.hydra_keys import wrong_hydra

LOGS = "hydra.job_logging.handlers"
FILE = "must be a file in the job's folder, as '${hydra.runtime.output_dir}/run.log'"
FOLDER = "must be .hydra, in the job's folder, or null"
NO_CALLBACK = "is no class of hydra.experimental.callback.Callback"
REFUSED = {
    "hydra.output_subdir=/x": f"hydra.output_subdir=/x: {FOLDER}",
    "hydra.output_subdir=../../x": f"hydra.output_subdir=../../x: {FOLDER}",
    "hydra.output_subdir=checkpoints": f"hydra.output_subdir=checkpoints: {FOLDER}",
    f"{LOGS}.file.filename=/x": f"{LOGS}.file.filename=/x: {FILE}",
    f"{LOGS}.file.filename='${{hydra.runtime.output_dir}}/../x'": FILE,
    f"{LOGS}.file.filename='${{hydra.runtime.output_dir}}/${{name}}'": FILE,
    f"+{LOGS}.mine={{class: logging.FileHandler, filename: /x}}": f"{LOGS}.mine.filename=/x: {FILE}",
    "+hydra.hydra_logging.handlers.mine={class: logging.FileHandler, filename: /x}": FILE,
    f"+{LOGS}.mine={{class: os.mkdir, path: /x}}": f"{LOGS}.mine.class=os.mkdir: must be a class of Python's logging",
    "hydra/job_logging=disabled": f"{LOGS}.file has no class: leave hydra/job_logging= out",
    "+hydra.callbacks.mine={_target_: os.mkdir, path: /x}": f"hydra.callbacks.mine: os.mkdir {NO_CALLBACK}",
    "+hydra.callbacks.mine={_target_: nowhere.x}": f"hydra.callbacks.mine: nowhere.x {NO_CALLBACK}",
    "+hydra.callbacks.mine=3": f"hydra.callbacks.mine: 3 {NO_CALLBACK}",
    "~hydra.callbacks.check": "hydra.callbacks.check checks every job before the first starts: leave it as it is",
    "hydra.launcher._target_=os.mkdir": "hydra.launcher._target_=os.mkdir is no launcher of Hydra: choose one with",
    "hydra.launcher._target_=hydra_plugins.no.X": "is no launcher of Hydra: choose one with hydra/launcher=",
    "hydra.sweeper._target_=os.mkdir": "hydra.sweeper._target_=os.mkdir is no sweeper of Hydra: choose one with",
}
TAKEN = (
    "hydra.output_subdir=null",
    "hydra.output_subdir=.hydra",
    f"{LOGS}.file.filename='${{hydra.runtime.output_dir}}/my.log'",
    f"+{LOGS}.mine={{class: logging.handlers.RotatingFileHandler, filename: '${{hydra.runtime.output_dir}}/my.log'}}",
    "hydra.job_logging.root.level=WARNING",
    "hydra/hydra_logging=disabled",
    "+hydra.callbacks.mine={_target_: hydra.experimental.callbacks.LogJobReturnCallback}",
    "hydra/launcher=joblib",
    "hydra/launcher=slurm",
    "hydra/sweeper=optuna",
)


def lines_of(override: str) -> list[str]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return wrong_hydra(compose("config", [override], return_hydra_config=True))


@pytest.mark.parametrize("override", REFUSED)
def test_a_key_that_leads_out_of_the_folder_or_runs_code_is_a_line(
    override: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = lines_of(override)
    assert REFUSED[override] in line
    assert len(line.splitlines()) == 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("override", TAKEN)
def test_what_stays_in_the_folder_is_taken(override: str) -> None:
    assert lines_of(override) == []


def test_a_config_without_the_part_hydra_is_taken() -> None:
    assert wrong_hydra(OmegaConf.create({"seed": 0})) == []


OPTIONS = {
    "--experimental-rerun=/x": "there is no option --experimental-rerun",
    "--exp /x": "there is no option --exp",
    "--config-dir /nowhere": "--config-dir /nowhere is no folder: correct it",
    "-cd /nowhere": "--config-dir /nowhere is no folder: correct it",
    "--config-dir=/nowhere": "--config-dir /nowhere is no folder: correct it",
    "-m seed=0,1 --cfg job": "--cfg shows one job: leave out -m and sweep=, and give each key one value",
    "--resolve": "--resolve goes with --cfg job, which prints the recipe",
    "-x": "unrecognized arguments: -x: renormal --help shows the options",
    "--cfg=nonsense": "argument --cfg/-c: invalid choice: 'nonsense'",
}


@pytest.mark.parametrize("typed", OPTIONS)
def test_an_option_that_hydra_refuses_in_several_lines_is_one(typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        check_options(options_first(typed.split()))
    assert str(refused.value).startswith(OPTIONS[typed])
    assert len(str(refused.value).splitlines()) == 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("typed", ["-m seed=0,1", "--cfg job --resolve", "-cd .", "--info searchpath"])
def test_options_that_are_meant_are_taken(typed: str) -> None:
    check_options(options_first(typed.split()))


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("hydra.searchpath=[file:///nowhere]", "hydra.searchpath: /nowhere is no folder: correct it"),
        ("hydra.job_logging.version=9", "hydra.job_logging: Unsupported version: 9"),
    ],
)
def test_what_hydra_warns_of_or_raises_is_one_line_of_the_command(override: str, said: str, tmp_path: Path) -> None:
    command = [python(), "-m", "renormal.run", override]
    end = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (end.returncode, end.stdout, end.stderr) == (2, "", f"renormal: {said}\n")
