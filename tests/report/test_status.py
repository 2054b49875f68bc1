"""An unfinished sweep: what is missing, running, failed, and how long is left by numbers worked out by hand."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

import pytest
from made_up import made_up, write_made_up

from renormal.report.cli import main
from renormal.report.record import read_records
from renormal.report.status import QUEUED, Status, duration, private, read_status

NOW = 1_000_000.0
LONG_AGO = NOW - 100_000


def write_state(root: Path, job: str, state: str, **changes: Any) -> None:
    """A job's state.json, one of ten epochs behind it 60 s after its start, its last report 20 s ago."""
    common = {"stage": "train", "epoch": 1, "epochs": 10, "started": NOW - 80, "updated": NOW - 20, "error": ""}
    (root / job).mkdir(parents=True, exist_ok=True)
    (root / job / "state.json").write_text(json.dumps({"state": state, **common, "log": "run.log", **changes}))


def plan(root: Path, *jobs: str, launcher: str = "joblib", **changes: Any) -> None:
    root.mkdir(parents=True, exist_ok=True)
    (root / "plan.json").write_text(json.dumps({"jobs": jobs, "launcher": launcher, "started": NOW - 500, **changes}))


def finish(root: Path, model: str, category: str, *, train: float, test: float) -> None:
    record = write_made_up(root, made_up(model, category, seconds={"train": train, "test": test}))
    os.utime(record, (LONG_AGO, LONG_AGO))


def status_of(root: Path) -> Status:
    return read_status(root, read_records(root).records, NOW)


def test_every_planned_job_is_somewhere(tmp_path: Path) -> None:
    plan(tmp_path, "vae/grid/0", "vae/bottle/0", "vae/tile/0", "vae/wood/0", "vae/pill/0")
    finish(tmp_path, "vae", "grid", train=100, test=20)
    write_state(tmp_path, "vae/bottle/0", "running")
    write_state(tmp_path, "vae/tile/0", "failed", error="ValueError: no images", stage="data", epoch=0)
    write_state(tmp_path, "vae/wood/0", "interrupted", epoch=5)
    status = status_of(tmp_path)
    assert [(job.state, job.job) for job in status.jobs] == [
        ("failed", "vae/tile/0"),
        ("running", "vae/bottle/0"),
        ("interrupted", "vae/wood/0"),
        ("waiting", "vae/pill/0"),
        ("done", "vae/grid/0"),
    ]
    assert status.jobs[0].detail == "ValueError: no images; see vae/tile/0/run.log"
    assert status.jobs[1].detail == "train, 1 of 10 epochs done"


def test_the_time_left_is_that_of_the_longest_slot(tmp_path: Path) -> None:
    finish(tmp_path, "vae", "grid", train=100, test=20)
    finish(tmp_path, "dsae", "grid", train=300, test=20)
    write_state(tmp_path, "vae/bottle/0", "running")  # 9 epochs of 60 s and a test, 20 s of which are over: 540 s
    write_state(tmp_path, "dsae/bottle/0", "running", stage="test", epoch=10)  # its test but for 20 s: 0 s
    write_state(tmp_path, "vae/wood/0", "interrupted", epoch=5)  # half of 100 s and the test: 70 s
    plan(tmp_path, "dsae/wood/0", "l2_ae/wood/0")  # 320 s, and the mean of all: 220 s
    assert status_of(tmp_path).left == pytest.approx(70 + 320 + 220)  # one after the other behind the test
    assert str(status_of(tmp_path)).endswith("2 running, 1 interrupted, 2 waiting; about 10 min left")


def test_where_nothing_runs_the_work_is_counted_as_the_command_does_it(tmp_path: Path) -> None:
    plan(tmp_path, "vae/wood/0", "vae/tile/0")
    assert str(status_of(tmp_path)) == "0 of 2 jobs done, 2 waiting; no job runs: the same command continues"
    finish(tmp_path, "vae", "grid", train=100, test=20)
    assert status_of(tmp_path).left == 240
    assert str(status_of(tmp_path)).endswith("no job runs: the same command continues, about 4 min one job at a time")
    plan(tmp_path, "vae/wood/0", "vae/tile/0", at_a_time=2)
    assert str(status_of(tmp_path)).endswith("the same command continues, about 2 min with 2 jobs at a time")
    write_state(tmp_path, "vae/wood/0", "running", stage="test", epoch=10)  # its test but for 20 s
    assert status_of(tmp_path).left == 120, "the place of the other is free"


def test_jobs_of_slurm_none_of_which_has_begun_are_not_to_be_queued_again(tmp_path: Path) -> None:
    plan(tmp_path, "vae/wood/0", "vae/tile/0", launcher="slurm")
    assert str(status_of(tmp_path)) == f"0 of 2 jobs done, 2 waiting; {QUEUED}"
    assert "do not repeat the command" in QUEUED
    write_state(tmp_path, "vae/wood/0", "interrupted")
    assert str(status_of(tmp_path)).endswith("no job runs: the same command continues")


@pytest.mark.parametrize(("quiet", "silent"), [(100.0, False), (901.0, True)])
def test_a_running_job_that_says_nothing_any_more_is_called_silent(tmp_path: Path, quiet: float, silent: bool) -> None:
    write_state(tmp_path, "vae/grid/0", "running", started=NOW - quiet - 60, updated=NOW - quiet)
    (job,) = status_of(tmp_path).jobs
    assert job.silent == silent
    assert ("no update for 15 min" in job.detail) == silent
    write_state(tmp_path, "vae/grid/0", "running", started=NOW - 2000, updated=NOW - 1000)  # a slow epoch is not silent
    assert not status_of(tmp_path).jobs[0].silent


def test_a_job_whose_last_update_lies_in_the_future_is_called_silent(tmp_path: Path) -> None:
    """The clock was set back after it was killed: it counted as running until the clock was there again."""
    write_state(tmp_path, "vae/grid/0", "running", started=NOW + 9000, updated=NOW + 9060)
    (job,) = status_of(tmp_path).jobs
    assert job.silent
    assert job.detail.endswith("its last update lies in the future: if it was killed, run the same command again")
    write_state(tmp_path, "vae/grid/0", "running", started=NOW, updated=NOW + 60)  # the clock of another node
    assert not status_of(tmp_path).jobs[0].silent


def test_a_job_killed_behind_its_record_is_done(tmp_path: Path) -> None:
    write_state(tmp_path, "vae/grid/0", "running", stage="test")
    finish(tmp_path, "vae", "grid", train=1, test=1)  # an older record: the job runs again
    assert status_of(tmp_path).jobs[0].state == "running"
    os.utime(tmp_path / "vae/grid/0/record.json", (NOW - 10, NOW - 10))
    assert status_of(tmp_path).jobs[0].state == "done"


def test_records_alone_are_a_finished_sweep(tmp_path: Path) -> None:
    finish(tmp_path, "vae", "grid", train=1, test=1)
    assert not status_of(tmp_path).unfinished
    assert str(status_of(tmp_path)) == "1 of 1 jobs done"


@pytest.mark.parametrize(("file", "text"), [("plan.json", "{"), ("plan.json", "[]"), ("vae/grid/0/state.json", "{")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, file: str, text: str) -> None:
    finish(tmp_path, "vae", "grid", train=1, test=1)
    (tmp_path / file).write_text(text)
    (problem,) = status_of(tmp_path).problems
    assert problem.startswith(f"{tmp_path / file}: ")


def test_numbers_that_are_none_are_named_with_their_file(tmp_path: Path) -> None:
    write_state(tmp_path, "vae/grid/0", "running", epoch="many")
    (problem,) = status_of(tmp_path).problems
    assert problem == f"{tmp_path}/vae/grid/0/state.json: epoch: should be a valid integer, got 'many'"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(42, "42 s"), (720, "12 min"), (3600, "1 h"), (12_000, "3 h 20 min"), (86_400, "1 d"), (187_200, "2 d 4 h")],
)
def test_durations_are_written_with_their_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_no_path_and_no_name_of_this_machine_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "gpu17")
    error = "OSError: /home/me/data/mvtec/a b.png on gpu17: vae/grid/0 (~/x/y.yaml)"
    assert private(error) == "OSError: a b.png on …: vae/grid/0 (y.yaml)"


def test_the_command_says_how_far_an_unfinished_sweep_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan(tmp_path, "vae/grid/0", "vae/bottle/0")
    write_state(tmp_path, "vae/bottle/0", "failed", error="ValueError: no images", stage="data")
    assert main([str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "0 of 2 jobs done, 1 waiting, 1 failed; no job runs: the same command continues\n" in out
    assert "failed: vae/bottle/0, ValueError: no images; see vae/bottle/0/run.log\n" in out
    assert "waiting: vae/grid/0\n" in out
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "0 of 2 jobs done" in page
    assert "ValueError: no images" in page
