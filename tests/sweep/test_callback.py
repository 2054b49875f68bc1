"""Sweeps by the real command: what is done again, what goes on, what is refused, and how failures end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from preloaded import python
from renormal.report.record import read_record
from small import SWEPT
from waiting import HANGING, lives, wait_until

LAUNCHERS = ["basic", "joblib", "local"]


def command(*arguments: str) -> list[str]:
    return [python(), "-m", "renormal.run", "-m", *SWEPT, *arguments]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, cwd=folder, check=False, timeout=HANGING)


def states(folder: Path) -> dict[str, str]:
    found = sorted((folder / "outputs" / "s").rglob("state.json"))
    return {
        str(path.parent.relative_to(folder / "outputs" / "s")): json.loads(path.read_text())["state"] for path in found
    }


def records(folder: Path) -> dict[str, Any]:
    found = sorted((folder / "outputs" / "s").rglob("record.json"))
    return {str(path.parent.relative_to(folder / "outputs" / "s")): read_record(path) for path in found}


def written(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in (folder / "outputs" / "s").rglob("record.json")}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_failing_job_is_one_line_at_the_end_and_the_others_go_on(tmp_path: Path, launcher: str) -> None:
    first = run(
        tmp_path,
        f"hydra/launcher={launcher}",
        "score.window=99,11,97",
        "hydra.sweep.subdir=${score.window}/${model.name}/${data.category}/${seed}",
    )
    assert first.returncode == 1, first.stderr
    assert states(tmp_path) == {
        "11/l2_ae/bottle/0": "done",
        "97/l2_ae/bottle/0": "failed",
        "99/l2_ae/bottle/0": "failed",
    }
    last = first.stderr.strip().splitlines()[-3:]
    assert last[0] == "renormal: 2 of 3 jobs are not done"
    assert last[1].startswith("renormal: 99/l2_ae/bottle/0 failed: ")
    assert last[1].endswith("(outputs/s/99/l2_ae/bottle/0/run.log)")
    assert "Traceback" not in first.stdout + first.stderr


@pytest.mark.parametrize("launcher", ["joblib", "local"])
def test_a_launcher_without_a_sweep_launches_the_one_job(tmp_path: Path, launcher: str) -> None:
    alone = [python(), "-m", "renormal.run", *SWEPT, "stages=[train]", "trainer.max_epochs=1"]
    command = [*alone, f"hydra/launcher={launcher}"]
    end = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=HANGING)
    assert end.returncode == 0, end.stderr
    assert states(tmp_path) == {"l2_ae/bottle/0": "done"}
    plan = json.loads((tmp_path / "outputs" / "s" / "plan.json").read_text())
    assert (plan["jobs"], plan["launcher"]) == (["l2_ae/bottle/0"], launcher)


@pytest.mark.parametrize("launcher", ["joblib", "local"])
def test_seeds_land_in_folders_of_their_own_and_a_repeated_sweep_launches_only_what_is_left(
    tmp_path: Path, launcher: str
) -> None:
    sweep = ("seed=0,1", f"hydra/launcher={launcher}")
    assert run(tmp_path, *sweep).returncode == 0
    found = records(tmp_path)
    assert list(found) == [f"l2_ae/bottle/{seed}" for seed in (0, 1)]
    assert len({json.dumps(record.metrics) for record in found.values()}) == 2, "each seed has its own numbers"
    plan = json.loads((tmp_path / "outputs" / "s" / "plan.json").read_text())
    assert plan["jobs"] == list(found)
    assert plan["launcher"] == launcher
    before = written(tmp_path)
    (tmp_path / "outputs/s/l2_ae/bottle/1/record.json").write_text("{")  # no valid record
    again = run(tmp_path, *sweep)
    assert again.returncode == 0
    assert "1 of 2 jobs already have the record" in again.stdout
    assert [path for path, when in written(tmp_path).items() if when != before[path]] == [
        str(tmp_path / "outputs/s/l2_ae/bottle/1/record.json")
    ]
    assert records(tmp_path)["l2_ae/bottle/1"].metrics == found["l2_ae/bottle/1"].metrics
    more = run(tmp_path, "seed=3", "model=l2_ae,vae", *sweep[1:])
    assert more.returncode == 0
    plan = json.loads((tmp_path / "outputs" / "s" / "plan.json").read_text())
    assert plan["jobs"] == [*found, "l2_ae/bottle/3", "vae/bottle/3"], "merged"


def working_in(folder: Path) -> set[int]:
    """Of Linux's /proc: processes that have this working directory, as a sweep and all that it starts."""
    found = set()
    for place in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):  # it ends meanwhile
            if place.readlink() == folder:
                found.add(int(place.parent.name))
    return found


@pytest.mark.parametrize("launcher", ["joblib", "local"])
def test_a_killed_sweep_leaves_no_worker_and_goes_on_to_the_same_numbers(tmp_path: Path, launcher: str) -> None:
    longer = ("seed=0,1", f"hydra/launcher={launcher}", "hydra.launcher.n_jobs=2", "trainer.max_epochs=40")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    with subprocess.Popen(
        command(*longer), cwd=killed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
    ) as sweep:
        checkpoint = killed / "outputs/s/l2_ae/bottle/0/checkpoints/last.ckpt"
        wait_until(lambda: checkpoint.exists() or sweep.poll() is not None, "checkpoint")
        assert sweep.poll() is None, "the sweep ended early"
        processes = working_in(killed)
        assert len(processes) > 2, "the sweep and its workers"
        os.kill(sweep.pid, signal.SIGKILL)
    wait_until(lambda: not any(map(lives, processes)), "end of the workers")
    assert run(killed, *longer).returncode == 0
    assert run(whole, longer[0], *longer[3:]).returncode == 0, "one job after the other, never disturbed"
    assert {name: record.metrics for name, record in records(killed).items()} == {
        name: record.metrics for name, record in records(whole).items()
    }
    assert "going on after" in (killed / "outputs/s/l2_ae/bottle/0/run.log").read_text()


def test_two_identical_sweeps_at_once_share_the_work(tmp_path: Path) -> None:
    sweep = command("seed=0,1,2", "trainer.max_epochs=20")
    run(tmp_path, "seed=9", "stages=[train]", "trainer.max_epochs=1")  # the drawn images
    both = [
        subprocess.Popen(sweep, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in "ab"
    ]
    ends = [process.communicate(timeout=HANGING)[0] for process in both]
    assert all("Traceback" not in end for end in ends)
    assert sorted(process.returncode for process in both)[0] == 0, ends
    assert len(records(tmp_path)) == 3
    logs = [(tmp_path / f"outputs/s/l2_ae/bottle/{seed}/run.log").read_text() for seed in (0, 1, 2)]
    assert [log.count("pixel AUROC") for log in logs] == [1, 1, 1], "no job was done twice"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["seed=0,1", "trainer.devices=2"],
            "cannot run in a sweep of launcher basic: one job at a time, or hydra/launcher=slurm",
        ),
        (["seed=0,1", "trainer.devices=auto"], "trainer.devices=auto: must be a whole number"),
        (["seed=0,1", "trainer.devices=[0,1]", "hydra/launcher=joblib"], "cannot run in a sweep of launcher joblib"),
        (["seed=0,1", "+trainer.num_nodes=2", "hydra/launcher=local"], "cannot run in a sweep of launcher local"),
        (["seed=0,1", "trainer.devices=2", "hydra/launcher=slurm"], "needs hydra.launcher.tasks_per_node=2"),
        (["seed=0,1", "+hydra.launcher.foo=1"], "renormal: hydra.launcher.foo does not exist: settings belong to"),
        (
            ["hydra/launcher=local", "+hydra.launcher.gres=gpu:1"],
            "hydra/launcher=local has n_jobs, submitit_folder",
        ),
        (["hydra/launcher=slurm", "hydra.launcher.timeout_min=4h"], "timeout_min=4h: must be a whole number"),
        (["batch_size=4,abc", "hydra.sweep.subdir=${batch_size}"], "renormal: batch_size=abc: must be a whole number"),
        (["model=vae,vaee"], "renormal: model=vaee does not exist: did you mean vae?"),
        (
            ["+descent.max_step=3", "seed=0,1"],
            "descent.max_step does not exist: descent.max_steps was meant?",
        ),
    ],
)
def test_a_sweep_that_cannot_work_is_refused_in_one_line(tmp_path: Path, arguments: list[str], line: str) -> None:
    end = run(tmp_path, *arguments)
    assert end.returncode == 2, end.stderr
    assert line in end.stderr
    assert len(end.stderr.strip().splitlines()) == 1
    assert not list((tmp_path / "outputs").rglob("state.json"))
