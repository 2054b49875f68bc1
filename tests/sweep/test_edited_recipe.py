"""A file of the recipe is edited while its sweep runs: the jobs that start later end with one line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from preloaded import python
from renormal.report.record import read_record
from small import SWEPT
from waiting import HANGING, wait_until

HEAD = "# @package _global_\nmodel:\n  optimizer:\n    lr: "


@pytest.mark.parametrize("launcher", ["basic", "joblib", "local"])
def test_no_job_runs_a_recipe_that_its_sweep_has_not_planned(tmp_path: Path, launcher: str) -> None:
    recipe = tmp_path / "own" / "experiment" / "mine.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.write_text(f"{HEAD}1.0e-4\n")
    given = ["--config-dir=own", "experiment=mine", "seed=0,1", f"hydra/launcher={launcher}"]
    given += [] if launcher == "basic" else ["hydra.launcher.n_jobs=1"]
    command = [python(), "-m", "renormal.run", "-m", *given, *SWEPT, "trainer.max_epochs=40"]
    with subprocess.Popen(command, cwd=tmp_path, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as sweep:
        jobs = [tmp_path / "outputs/s/l2_ae/bottle" / seed for seed in "01"]
        wait_until(lambda: (jobs[0] / "state.json").exists() or sweep.poll() is not None, "first job")
        recipe.write_text(f"{HEAD}1.0e-2\n")
        _, errors = sweep.communicate(timeout=HANGING)
    assert sweep.returncode == 1, errors
    assert read_record(jobs[0] / "record.json").config["model"]["optimizer"]["lr"] == 1e-4
    assert not (jobs[1] / "record.json").exists()
    last = errors.strip().splitlines()[-1]
    change = "the recipe has changed since the sweep began: model.optimizer.lr was 0.0001 and is 0.01"
    assert last.startswith(f"renormal: l2_ae/bottle/1 failed: {change}; undo the change, or start the sweep again")
