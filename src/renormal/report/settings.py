"""The settings in which the jobs of a sweep differ, other than model, category and seed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from renormal.report.models import label, model_order
from renormal.report.record import Record, pathless

ABSENT = "–"
SHOWN = 3  # jobs that a line names, ours


class Difference(NamedTuple):
    """A key of the config, and each of its values with the names of the jobs that have it."""

    key: str
    values: list[tuple[str, str]]


def differences(records: Sequence[Record]) -> list[Difference]:
    """One difference per key whose value differs between jobs, unless its values only repeat the names of the jobs."""
    flats = [flat(pathless(record.config)) for record in records]
    keys = sorted({key for settings in flats for key in settings})
    found = []
    for key in keys:
        values = [settings.get(key, ABSENT) for settings in flats]
        if not all(map(repeats_name, values, records)):
            found += grouped(key, values, records)
    return found


def grouped(key: str, values: Sequence[str], records: Sequence[Record]) -> list[Difference]:
    """The values of the records with the names of their jobs; empty where all are equal."""
    by_value: dict[str, list[Record]] = {}
    for value, record in zip(values, records, strict=True):
        by_value.setdefault(value, []).append(record)
    named = [(value, names_of(jobs, records)) for value, jobs in by_value.items()]
    return [Difference(key, named)] if len(by_value) > 1 else []


def flat(settings: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """{"model": {"latent": 100}} → {"model.latent": "100"}."""
    result: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            result |= flat(value, f"{above}{key}.")
        else:
            result[f"{above}{key}"] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return result


def repeats_name(value: str, record: Record) -> bool:
    """Whether the value is absent, or the job's model, category, seed or folder."""
    place = f"{record.model}/{record.category}/{record.seed}"
    return value in (record.model, label(record), record.category, str(record.seed), ABSENT) or value.endswith(place)


def names_of(jobs: Sequence[Record], records: Sequence[Record]) -> str:
    """A short name of some of the records: their models, their categories, their seeds, or else job by job."""
    jobs = sorted(jobs, key=lambda job: model_order(job.model))
    inside = {id(job) for job in jobs}
    for axis in (label, lambda job: job.category, lambda job: f"seed {job.seed}", lambda job: job.name):
        values = dict.fromkeys(axis(job) for job in jobs)
        if all((axis(job) in values) == (id(job) in inside) for job in records):
            return ", ".join(values)
    named = job_names(records)
    found = list(dict.fromkeys(named[id(job)] for job in jobs))
    return ", ".join(found[:SHOWN]) + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")


def job_names(records: Sequence[Record]) -> dict[int, str]:
    """id of the record → model, category and seed, and its experiment where records of others have these, too."""
    short = {id(job): f"{label(job)} {job.category} {job.seed}" for job in records}
    experiments: dict[str, set[str]] = {}
    for job in records:
        experiments.setdefault(short[id(job)], set()).add(job.name)
    several = {name for name, own in experiments.items() if len(own) > 1}
    return {id(job): short[id(job)] + (f" of {job.name}" if short[id(job)] in several else "") for job in records}
