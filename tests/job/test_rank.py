"""Which process is rank 0, whoever started it, and that no other one writes into the job's folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from renormal.job.lock import locked
from renormal.job.rank import (
    NUMBERS,
    check_numbers,
    check_process,
    is_rank_zero,
    started_by_srun,
    started_elsewhere,
)
from several import command, ended, folder_of
from waiting import HANGING

VARIABLES = (
    *("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "TORCHELASTIC_RUN_ID"),
    *("SLURM_PROCID", "SLURM_NTASKS", "SLURM_NTASKS_PER_NODE", "SLURM_JOB_NAME"),
)
SRUN = {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2"}
SHELL = SRUN | {"SLURM_JOB_NAME": "interactive"}
TORCHRUN = {"TORCHELASTIC_RUN_ID": "none"}


@pytest.mark.filterwarnings("ignore:The .srun. command")
@pytest.mark.parametrize(
    ("variables", "zero", "elsewhere", "srun"),
    [
        ({}, True, False, False),
        ({"RANK": "0", "LOCAL_RANK": "0"} | TORCHRUN, True, True, False),
        ({"RANK": "2", "LOCAL_RANK": "0"} | TORCHRUN, False, True, False),  # the first of the second node
        ({"RANK": "1", "LOCAL_RANK": "1"} | TORCHRUN, False, True, False),
        ({"RANK": "2", "LOCAL_RANK": "0", "SLURM_PROCID": "0"} | SRUN | TORCHRUN, False, True, False),
        ({"RANK": "0", "LOCAL_RANK": "0", "SLURM_PROCID": "0"} | SRUN | TORCHRUN, True, True, False),
        ({"LOCAL_RANK": "0", "NODE_RANK": "0"}, True, True, False),
        ({"LOCAL_RANK": "1", "NODE_RANK": "0"}, False, True, False),
        ({"LOCAL_RANK": "0", "NODE_RANK": "1"}, False, True, False),
        ({"SLURM_PROCID": "0"} | SRUN, True, True, True),
        ({"SLURM_PROCID": "1"} | SRUN, False, True, True),
        ({"SLURM_PROCID": "0"} | SHELL, True, False, False),  # rank 0 in a shell on a node, and what it starts
        ({"SLURM_PROCID": "0", "LOCAL_RANK": "1"} | SHELL, False, True, False),
        ({"RANK": "", "LOCAL_RANK": "", "SLURM_PROCID": "1"} | SRUN, False, True, True),
    ],
)
def test_one_process_of_a_job_is_rank_0(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], zero: bool, elsewhere: bool, srun: bool
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert (is_rank_zero(), started_elsewhere(), started_by_srun()) == (zero, elsewhere, srun)


@pytest.mark.parametrize("name", ["RANK", "LOCAL_RANK", "SLURM_PROCID"])
def test_a_process_beyond_those_of_its_job_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Left from another program, such a variable made a job that held no lock and wrote into its folder."""
    for other in VARIABLES:
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, "2")
    check_process(3)
    with pytest.raises(
        ValueError, match=rf"^{name}=2 makes this process 3 of its job, and .* ask for 2: unset {name}$"
    ):
        check_process(2)


@pytest.mark.filterwarnings("ignore:The .srun. command")
def test_tasks_of_slurm_that_are_not_counted_by_node_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning refused them in a traceback after the images were read."""
    for other in VARIABLES:
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv("SLURM_NTASKS", "2")
    with pytest.raises(ValueError, match=r"^SLURM_NTASKS=2 comes from --ntasks, .* sbatch --ntasks-per-node= in its"):
        check_process(1)
    monkeypatch.setenv("SLURM_JOB_NAME", "interactive")  # of a shell on a node: Lightning takes no task
    check_process(1)
    monkeypatch.delenv("SLURM_JOB_NAME")
    monkeypatch.setenv("SLURM_NTASKS_PER_NODE", "2")
    check_process(2)


@pytest.mark.parametrize("text", ["x", "-1", "1_0", "٣", " 1", "1.0", "9" * 400, "\x1b[31m"])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_variable_that_is_no_number_is_named(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(ValueError, match=rf"^{name}=.* in the environment is no number of processes: unset") as refused:
        check_numbers()
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 200


def test_a_command_with_such_a_variable_is_one_line(tmp_path: Path) -> None:
    for variables in ({"RANK": "abc"}, {"SLURM_NTASKS": "x", "SLURM_PROCID": "0"}):
        end = subprocess.run(
            [sys.executable, "-m", "renormal.run", "name=none"],
            env=os.environ | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=HANGING,
        )
        assert (end.returncode, end.stdout) == (2, "")
        assert end.stderr.startswith("renormal: ")
        assert end.stderr.endswith(f" is no number of processes: unset {next(iter(variables))}\n")
    code, _, err = ended(command(tmp_path, "name=none", RANK="5"))
    assert code == 2
    assert err.splitlines()[-1].startswith("renormal: RANK=5 makes this process 6 of its job")


def test_a_rank_of_another_node_leaves_the_folder_alone(tmp_path: Path) -> None:
    """It neither waits for the lock that rank 0 holds nor writes the log, the state or the config."""
    folder = folder_of(tmp_path, "nodes")
    folder.mkdir(parents=True)
    with locked(folder / ".lock", patience=0.0):
        before = (folder / ".lock").read_text()
        code, out, err = ended(command(tmp_path, "name=nodes", "stages=[tset]", RANK="2", LOCAL_RANK="0"))
        assert (code, out) == (2, "")
        assert err.startswith("renormal: stages=[tset]: must be a list")
        assert [(path.name, path.read_text()) for path in folder.rglob("*")] == [(".lock", before)]
