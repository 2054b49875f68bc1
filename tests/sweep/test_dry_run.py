"""--dry-run names what a command would start, and starts nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from preloaded import python
from renormal.run import CONF
from renormal.sweep.dry_run import END, lines_of_optimizer
from renormal.sweep.slurm import array_executor, sbatch_lines, submit
from small import SWEPT
from waiting import HANGING

SLURM = CONF / "hydra" / "launcher" / "slurm.yaml"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [python(), "-m", "renormal.run", *SWEPT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False, timeout=HANGING)


def test_a_sweep_is_listed_and_what_is_done_is_said(tmp_path: Path) -> None:
    assert run(tmp_path, "seed=0", "stages=[train]", "trainer.max_epochs=1").returncode == 0
    before = sorted(tmp_path.rglob("*"))
    end = run(tmp_path, "-m", "seed=0,1,2", "stages=[train]", "trainer.max_epochs=1", "--dry-run")
    assert end.returncode == 0, end.stderr
    lines = end.stdout.splitlines()
    first = lines.index("3 jobs, 0 done:")  # a job that has only trained has no record
    assert lines[first + 1 :] == [
        *(f"  outputs/s/l2_ae/bottle/{seed}" for seed in range(3)),
        "3 jobs, 1 at a time: the first one that ends tells how long the others take",
        END,
    ]
    assert sorted(tmp_path.rglob("*")) == before
    assert run(tmp_path, "seed=0", "stages=[train,test]").returncode == 0
    again = run(tmp_path, "-m", "seed=0,1", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "--dry-run")
    assert "2 jobs, 1 done:\n  outputs/s/l2_ae/bottle/0 (done)\n  outputs/s/l2_ae/bottle/1\n" in again.stdout
    assert again.stdout.endswith(f"{END}\n")


def test_one_job_is_named_and_checked(tmp_path: Path) -> None:
    end = run(tmp_path, "--dry-run")
    assert (end.returncode, end.stdout) == (0, f"1 job: outputs/s/l2_ae/bottle/0\n{END}\n")
    assert not (tmp_path / "outputs").exists()
    wrong = run(tmp_path, "--dry-run", "batch_size=-1")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("renormal: batch_size=-1")


@pytest.mark.parametrize("jobs", [1, 3])
def test_slurm_gets_the_lines_that_were_shown(tmp_path: Path, stubs: Path, jobs: int) -> None:
    params = {**OmegaConf.to_container(OmegaConf.load(SLURM)), "submitit_folder": str(tmp_path / "%j"), "qos": "high"}  # type: ignore[dict-item]
    del params["_target_"]
    shown = sbatch_lines(params, jobs)
    assert "#SBATCH --qos=high" in shown
    submit(array_executor(params), print, [(number,) for number in range(jobs)])
    script = stubs.read_text().splitlines()
    assert [line for line in script if line.startswith(("#SBATCH", "export OMP", "export SRUN"))] == shown
    assert any(line.startswith("#SBATCH --array=0-2%3") for line in shown) == (jobs == 3)


def test_jobs_of_an_optimizer_are_not_known() -> None:
    config = OmegaConf.create({"hydra": {"sweeper": {"n_trials": 7}, "sweep": {"dir": "outputs/x"}}})
    (line,) = lines_of_optimizer(config)
    assert line.startswith("up to 7 jobs in outputs/x: ")
