"""What stands above a table: training images, seeds, machines and the command that made it, from the records."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from math import prod
from typing import NamedTuple

from renormal.console.text import printable
from renormal.report.record import Record
from renormal.report.settings import grouped, names_of
from renormal.report.typed import without_paths

GIVEN = "hydra.utils.get_method"  # of a score that is a function, named by `path`
PRECISIONS = {"bf16-mixed": "bfloat16", "bf16-true": "bfloat16", "32-true": "float32"}
ASIDE = ("sweep", "progress", "logger", "rerun")  # keys that make no other job, with all below them
OWN = "score"  # the name that the stage choose gives to the score of the config
CODE = "code "  # begins a key of a record's hashes where code of somebody else was tested
USUAL = "dssim"  # the score of the paper, which is not named
SHOWN = 6  # commands, ours


class Origin(NamedTuple):
    """The line above a table. scores: what made its maps, where it is not DSSIM."""

    text: str
    commands: list[str]  # empty where no record holds what was typed
    scores: str = ""

    @property
    def line(self) -> str:
        """With the scores. Markdown is for pages of several tables, whose words say which score they have."""
        return "; ".join(filter(None, (self.text, self.scores)))


def origin_of(records: Sequence[Record]) -> Origin:
    """Numbers that differ between the jobs stand with the names of their jobs. The records are in the table's order."""
    seeds = sorted({record.seed for record in records})
    parts = [
        f"training images: {by_job([images(record) for record in records], records)}",
        f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}",
        f"machine: {by_job([machine(record) for record in records], records)}",
    ]
    names = [score_of(record) for record in records]
    scores = f"score: {by_job(names, records)}" if {*names} - {USUAL, OWN} else ""
    path = "PYTHONPATH=… " if any(key.startswith(CODE) for record in records for key in record.hashes) else ""
    lines = [f"{path}{line}" for line in commands([record.command for record in records if record.command])]
    without = [record for record in records if not record.command]
    if lines and without:
        parts.append(f"command not recorded: {names_of(without, records)}")
    if len(lines) > SHOWN:
        parts.append(f"{len(lines)} commands, the first {SHOWN} are shown")
    return Origin("; ".join(parts) if records else "", lines[:SHOWN], scores)


def by_job(values: Sequence[str], records: Sequence[Record]) -> str:
    """The value of all records, or each value with the names of its jobs, unless all have the same names."""
    found = [one.values for one in grouped("", values, records)] or [[(value, "") for value in values[:1]]]
    names = {jobs for _, jobs in found[0]}
    return ", ".join(f"{value} ({jobs})" if len(names) > 1 else value for value, jobs in found[0])


def images(record: Record) -> str:
    """160 000: how many a training has seen, one counted as often as it was seen; with continue= 1 000 + 32."""
    count, stages = record.training.get("images"), record.config.get("stages")
    if count is None:
        return "not recorded" if stages is None or "train" in stages else "weights trained before"
    before = record.training.get("images_before")
    return (f"{before:,.0f} + {count:,.0f}" if before else f"{count:,.0f}").replace(",", " ")


def score_of(record: Record) -> str:
    """The name of score= as it was typed, else that of its class: of f(x0) and of x_N."""
    return record.command.get("score", score_name(record))


def score_name(record: Record) -> str:
    """The class or function of the config's score in lower case, for example dssim."""
    score = record.config.get("score") or {}
    target = str(score.get("_target_", OWN))
    return str(score.get("path", target) if target == GIVEN else target).rpartition(".")[2].lower()


def machine(record: Record) -> str:
    """The processor or GPU, how many threads or devices the job held, and the precision of the training."""
    device = record.device
    count = int(device.get("count", 1))
    gpu = str(device.get("type", "cpu")) != "cpu"
    threads = int(device.get("threads", 1))
    precision = str(device.get("precision", ""))
    trainer = record.config.get("trainer")
    auto = isinstance(trainer, dict) and trainer.get("precision") == "auto"
    slow = " (it has no bfloat16)" if auto and precision == "32-true" else ""
    parts = [
        f"{count} × " * (count > 1) + (str(device.get("name", "")) or "not recorded"),
        "" if gpu else f"{threads} thread{'s' * (threads > 1)}",
        PRECISIONS.get(precision, precision) + slow,
    ]
    return printable(", ".join(filter(None, parts)))


def commands(all_typed: Iterable[dict[str, str]]) -> list[str]:
    """One command for all jobs that were typed with the same keys, with every value that a key had.

    Jobs that are not every combination of these values have several commands.
    """
    groups: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for given in all_typed:
        own = {key: value for key, value in without_paths(given).items() if not aside(key)}
        groups.setdefault(tuple(own), []).append(own)
    return [command(part) for jobs in groups.values() for part in combinations(jobs)]


def aside(key: str) -> bool:
    """logger, +logger.wandb.mode, logger@logger.wandb: a part of the group alone would not compose."""
    return re.split(r"[.@]", key.lstrip("+~"))[0] in ASIDE


def combinations(jobs: Sequence[dict[str, str]]) -> list[list[dict[str, str]]]:
    """The jobs in as many parts as it takes for each to be all combinations of its values: split by the first key."""
    values = {key: dict.fromkeys(job[key] for job in jobs) for key in jobs[0]}
    several = [key for key, own in values.items() if len(own) > 1]
    if len({tuple(job.values()) for job in jobs}) == prod(map(len, values.values())):
        return [[*jobs]]
    parts = [[job for job in jobs if job[several[0]] == value] for value in values[several[0]]]
    return [small for part in parts for small in combinations(part)]


def command(jobs: Sequence[dict[str, str]]) -> str:
    """`renormal -m experiment=table1_cpu model=l2_ae,vae data.root=…`: -m where a key has several values."""
    keys = sorted(jobs[0], key=lambda key: key != "experiment")  # what is run stands first
    values = {key: list(dict.fromkeys(job[key] for job in jobs)) for key in keys}
    overrides = [f"{key}={','.join(own)}" if own != [""] else key for key, own in values.items()]
    sweep = ["-m"] if any(len(own) > 1 for own in values.values()) else []
    return printable(" ".join(["renormal", *sweep, *map(quoted, overrides)]))


def quoted(override: str) -> str:
    """Quoted for a shell; … stands for what the reader fills in."""
    return override if re.fullmatch(r"[\w.,=+/…-]+", override) else shlex.quote(override)
