"""How long a sweep takes, said before its first job."""

from __future__ import annotations

import math
import re
from collections.abc import Collection

from omegaconf import DictConfig, OmegaConf

from renormal.console.text import counted
from renormal.files import CONF
from renormal.report.status import duration
from renormal.sweep.jobs import Job
from renormal.sweep.progress import status_of
from renormal.sweep.settings import launcher_of
from renormal.sweep.workers import cores

COST = re.compile(r"^# Cost: (.*?)\.?(?: Expected: .*)?$", re.MULTILINE)  # in the head of an experiment's yaml
MINUTE = 60.0


def forecast(config: DictConfig, jobs: Collection[Job], at_a_time: int) -> list[str]:
    """One line: the time of all jobs and what it is known from. Empty for one job or none.

    It comes from the jobs that are done, else from minutes=, else from the yaml of the experiment.
    """
    left = [job for job in jobs if not job.has_record]
    if len(left) < 2:
        return []
    launcher = OmegaConf.select(config, "hydra.launcher")
    many = at_a_time > cores() and (launcher is None or launcher_of(launcher) != "slurm")  # each takes longer here
    here = f" on {counted(cores(), 'core')}" if many else ""
    count = f"{counted(len(left), 'job')}, {at_a_time} at a time{here}"
    if seconds := status_of(jobs, at_a_time).left:
        return [f"{count}: about {duration(seconds)}, if they take as long as those that are done"]
    if minutes := training_minutes(left):
        whole = math.ceil(len(left) / at_a_time) * max(minutes) * MINUTE
        return [f"{count}: at most {duration(whole)} of training by minutes=, and then the other stages"]
    experiment = str(OmegaConf.select(config, "hydra.runtime.choices.experiment"))
    if cost := cost_of(experiment):
        return [f"{count}; published cost of experiment={experiment}: {cost}"]
    return [f"{count}: the first one that ends tells how long the others take"]


def training_minutes(jobs: Collection[Job]) -> list[float]:
    """minutes= of each job that trains. Empty where one has no limit."""
    given = [job.plan["settings"].get("minutes", "null") for job in jobs]
    return [float(minutes) for minutes in given] if all(map(is_number, given)) else []


def is_number(text: object) -> bool:
    return re.fullmatch(r"[0-9]+(\.[0-9]+)?", str(text)) is not None


def cost_of(experiment: str) -> str:
    """What the line `# Cost:` of an experiment's yaml says; empty for an experiment of the user's own."""
    path = CONF / "experiment" / f"{experiment}.yaml"
    found = COST.search(path.read_text(encoding="utf-8")) if path.is_file() else None
    return found[1] if found else ""
