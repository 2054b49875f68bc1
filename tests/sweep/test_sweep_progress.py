"""What a sweep says while its jobs run, and at Ctrl-C: by the real command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from preloaded import python
from renormal.report.record import Record, write_record
from renormal.sweep.jobs import Job
from renormal.sweep.progress import progress_of
from small import SWEPT
from waiting import HANGING, wait_until


def command(*arguments: str) -> list[str]:
    return [python(), "-m", "renormal.run", "-m", *SWEPT, *arguments]


def planned(folder: Path, name: str, **state: Any) -> Job:
    if state:
        (folder / name).mkdir(parents=True)
        (folder / name / "state.json").write_text(json.dumps({"epoch": 0, "epochs": 2, "stage": "train"} | state))
    return Job((), name, folder / name, False, {}, None)


@pytest.mark.parametrize(("at_a_time", "left"), [(1, "about 4 min left"), (2, "about 2 min left")])
def test_what_is_left_takes_as_long_as_what_is_done(tmp_path: Path, at_a_time: int, left: str) -> None:
    """One job of two minutes is done, two more wait; a record of another config does not count."""
    jobs = [planned(tmp_path, "l2_ae/bottle/0", state="done"), planned(tmp_path, "l2_ae/bottle/1")]
    jobs.append(planned(tmp_path, "l2_ae/bottle/2"))
    for job in (jobs[0], jobs[2]):
        job.folder.mkdir(parents=True, exist_ok=True)
        seconds = {"train": 100.0, "test": 20.0}
        record = Record(
            name="s", model="l2_ae", category="bottle", kind="object", seed=0, metrics={"a/b": 0.5}, seconds=seconds
        )
        write_record(job.folder, record)
    assert progress_of(jobs, at_a_time) == f"1 of 3 jobs done, 2 waiting; {left}"


@pytest.mark.parametrize("launcher", ["basic", "joblib", "local"])
def test_a_sweep_says_how_far_it_is(tmp_path: Path, launcher: str) -> None:
    given = command("seed=0,1", f"hydra/launcher={launcher}", *(["hydra.launcher.n_jobs=1"] * (launcher != "basic")))
    end = subprocess.run(given, capture_output=True, text=True, cwd=tmp_path, check=True, timeout=HANGING)
    said = [line.partition("] - ")[2] or line for line in end.stdout.splitlines()]
    ((first,), (last,)) = ([line for line in said if f"{number} of 2 jobs done" in line] for number in (1, 2))
    assert "1 of 2 jobs done, 1 waiting; " in first
    assert first.endswith(" left")
    assert last.endswith("2 of 2 jobs done")
    if launcher == "local":
        assert "2 jobs, 1 at a time; the log of each is run.log in its folder below outputs/s" in end.stdout
        assert "l2_ae/bottle/0 is done: 1 of 2 jobs done" in first


@pytest.mark.parametrize("launcher", ["local", "joblib"])
@pytest.mark.parametrize(("number", "whole"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_processes_of_a_sweep_that_is_interrupted_save_and_say_so_in_a_line(
    tmp_path: Path, launcher: str, number: int, whole: bool
) -> None:
    """whole: by Ctrl-C, which every process of the terminal gets; else by a signal to the sweep alone."""
    launchers = [f"hydra/launcher={launcher}", "hydra.launcher.n_jobs=2"]
    given = command("seed=0,1,2", *launchers, "trainer.max_epochs=100000")
    given[0] = sys.executable if launcher == "joblib" else given[0]  # joblib kills its processes
    with subprocess.Popen(
        given, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as sweep:
        folders = [tmp_path / f"outputs/s/l2_ae/bottle/{seed}" for seed in (0, 1)]
        begun = [folder / "checkpoints/last.ckpt" for folder in folders]
        wait_until(lambda: all(path.exists() for path in begun) or sweep.poll() is not None, "checkpoints")
        (os.killpg if whole else os.kill)(sweep.pid, number)
        out, err = sweep.communicate(timeout=HANGING)
    assert (sweep.returncode, err) == (128 + number, "")
    line = out.splitlines()[-1]
    assert line.endswith("interrupted: the same command goes on (0 of 3 jobs done, 2 interrupted, 1 waiting)")
    for folder in folders:
        assert "interrupted: the same command goes on after" in (folder / "run.log").read_text()
