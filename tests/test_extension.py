"""A new model, score, energy or data set is one file and one yaml, and no edit anywhere else, tests included."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from conf_cases import build, searchable, served, takes_a_step
from extension import write_extension
from preloaded import python
from renormal import load
from renormal.report.cli import main as report
from renormal.report.record import read_record
from small import SMALL

OWN = ["model=grey", "data=squares", "score=change", "projection=[pull]"]


@pytest.fixture
def extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    overrides = write_extension(tmp_path / "extension")
    monkeypatch.syspath_prepend(str(tmp_path / "extension"))
    return overrides


def test_the_command_trains_tests_and_reports_what_others_wrote(tmp_path: Path, extension: list[str]) -> None:
    path = os.pathsep.join([str(tmp_path / "extension"), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [python(), "-m", "renormal.run", *extension, *OWN, "logger=many", *SMALL]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path, "WANDB_MODE": "offline"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    job = tmp_path / "outputs" / "try" / "grey" / "squares" / "0"
    assert all([*(job / logger).iterdir()] for logger in ("log", "tensorboard", "wandb"))
    record = read_record(job / "record.json")
    loads_if_trusted(job)
    assert record.metrics["baseline/pixel_auroc"] == 1  # |x0 − grey| is largest in the square
    assert record.metrics["pull/pixel_auroc"] == 1
    assert record.projections["pull"]["steps_mean"] is not None
    assert report([str(tmp_path / "outputs" / "try")]) == 0
    table = (tmp_path / "outputs" / "try" / "table.md").read_text(encoding="utf-8")
    assert "Grey²<br>baseline" in table
    assert "Grey²<br>pull" in table
    assert "`PYTHONPATH=… renormal model=grey data=squares score=change 'projection=[pull]' " in table
    assert "hydra.searchpath=…" in table, "without it nobody finds the yamls"
    assert "Grey²" in (tmp_path / "outputs" / "try" / "report.html").read_text(encoding="utf-8")


def loads_if_trusted(job: Path) -> None:
    with pytest.raises(ValueError, match=r"^add --trust own, or trust=\['own'\] in Python, if that package is yours: "):
        load(job)
    assert load(job, trust=["own"]).model.level.shape == (1, 3, 1, 1)


@pytest.mark.parametrize("projection", ["pull", "eq8_adam", "eq8"])
def test_the_rules_of_the_other_tests_take_its_model(extension: list[str], projection: str) -> None:
    descent, net = build(projection, "grey", *extension)
    assert served(descent.energy, net)
    takes_a_step(descent, net)


def test_its_model_has_nothing_to_search_and_its_energy_takes_another_model(extension: list[str]) -> None:
    latent, net = build("latent", "grey", *extension)
    assert not searchable(net)
    assert not served(latent.energy, net)
    takes_a_step(*build("pull", "", *extension))
