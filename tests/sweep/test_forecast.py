"""What a sweep says of its own length before its first job."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from preloaded import python
from renormal.files import CONF
from renormal.report.record import Record, write_record
from renormal.sweep.forecast import cost_of, forecast
from renormal.sweep.jobs import Job
from small import SWEPT
from waiting import HANGING

FIRST = "the first one that ends tells how long the others take"


def jobs(folder: Path, count: int, *, done: int = 0, **settings: str) -> list[Job]:
    """The first ones have a record of two minutes."""
    found = []
    for number in range(count):
        name = f"l2_ae/bottle/{number}"
        found.append(Job((), name, folder / name, number < done, {"settings": settings}, None))
    for job in found[:done]:
        job.folder.mkdir(parents=True)
        seconds = {"train": 100.0, "test": 20.0}
        record = Record(
            name="s", model="l2_ae", category="bottle", kind="object", seed=0, metrics={"a/b": 0.5}, seconds=seconds
        )
        write_record(job.folder, record)
    return found


def said(experiment: str | None, *arguments: Any) -> list[str]:
    config = OmegaConf.create({"hydra": {"runtime": {"choices": {"experiment": experiment}}}})
    return forecast(config, *arguments)


def test_jobs_that_are_done_tell_the_time_of_the_others(tmp_path: Path) -> None:
    line = "3 jobs, 2 at a time: about 4 min, if they take as long as those that are done"
    assert said("demo", jobs(tmp_path, 4, done=1, minutes="90"), 2) == [line]


def test_minutes_are_a_limit_of_the_training(tmp_path: Path) -> None:
    line = "3 jobs, 2 at a time: at most 20 min of training by minutes=, and then the other stages"
    assert said("inspect", jobs(tmp_path, 3, minutes="10"), 2) == [line]


def test_the_cores_of_a_node_that_submits_are_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renormal.sweep.forecast.cores", lambda: 1)
    config = OmegaConf.create({"hydra": {"runtime": {"choices": {"experiment": "demo"}}}})
    config.hydra.launcher = {"_target_": "hydra_plugins.renormal_plugins.Slurm"}
    assert forecast(config, jobs(tmp_path, 3, minutes="null"), 3)[0].startswith("3 jobs, 3 at a time; published")


def test_fewer_cores_than_jobs_at_a_time_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renormal.sweep.forecast.cores", lambda: 1)
    assert said("demo", jobs(tmp_path, 3, minutes="null"), 2)[0].startswith("3 jobs, 2 at a time on 1 core; published")
    assert said("demo", jobs(tmp_path, 3, minutes="null"), 1)[0].startswith("3 jobs, 1 at a time; published")


def test_an_experiment_has_its_published_cost(tmp_path: Path) -> None:
    cost = "12 jobs of 12 000 images of 64 px, two at a time on 2 cores: 5 to 7 minutes"
    line = f"3 jobs, 1 at a time; published cost of experiment=demo: {cost}"
    assert said("demo", jobs(tmp_path, 3, minutes="null"), 1) == [line]


@pytest.mark.parametrize("experiment", [None, "of_mine"])
def test_else_the_first_job_tells(tmp_path: Path, experiment: str | None) -> None:
    assert said(experiment, jobs(tmp_path, 3), 1) == [f"3 jobs, 1 at a time: {FIRST}"]


def test_one_job_has_no_line(tmp_path: Path) -> None:
    assert said("demo", jobs(tmp_path, 2, done=1), 1) == []


@pytest.mark.parametrize("path", sorted((CONF / "experiment").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_cost_of_every_experiment_is_found(path: Path) -> None:
    cost = cost_of(path.stem)
    assert bool(cost) == ("# Cost:" in path.read_text(encoding="utf-8"))
    assert "Expected" not in cost


@pytest.mark.parametrize("launcher", ["basic", "joblib", "local"])
def test_a_sweep_says_it_before_its_first_job(tmp_path: Path, launcher: str) -> None:
    slots = ["hydra.launcher.n_jobs=1"] if launcher != "basic" else []
    given = [python(), "-m", "renormal.run", "-m", *SWEPT, "seed=0,1", f"hydra/launcher={launcher}", *slots]
    end = subprocess.run(given, capture_output=True, text=True, cwd=tmp_path, check=True, timeout=HANGING)
    before, line, after = end.stdout.partition(f"2 jobs, 1 at a time: {FIRST}")
    assert line
    assert "1 of 2 jobs done" not in before
    assert "1 of 2 jobs done" in after
