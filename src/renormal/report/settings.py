"""In which settings the jobs of a sweep differ, beside the model, the category and the seed that name them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from renormal.report.models import label, model_order
from renormal.report.record import Record, pathless

ABSENT = "–"


class Difference(NamedTuple):
    """A key, and each of its values with the jobs that have it."""

    key: str
    values: list[tuple[str, str]]


def differences(records: Sequence[Record]) -> list[Difference]:
    """One line per key whose value differs and says more than the job's name does."""
    flats = [flat(pathless(record.config)) for record in records]
    keys = sorted({key for settings in flats for key in settings})
    found = []
    for key in keys:
        held: dict[str, list[Record]] = {}
        for record, settings in zip(records, flats, strict=True):
            held.setdefault(settings.get(key, ABSENT), []).append(record)
        named = all(repeats(value, record) for value, jobs in held.items() for record in jobs)
        if len(held) > 1 and not named:
            found.append(Difference(key, [(value, who(jobs, records)) for value, jobs in held.items()]))
    return found


def flat(settings: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """{"model": {"latent": 100}} → {"model.latent": "100"}."""
    result: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            result |= flat(value, f"{above}{key}.")
        else:
            result[f"{above}{key}"] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return result


def repeats(value: str, record: Record) -> bool:
    """Whether it says no more than the job's name, or where its files lie."""
    place = f"{record.model}/{record.category}/{record.seed}"
    return value in (record.model, label(record), record.category, str(record.seed), ABSENT) or value.endswith(place)


def who(jobs: Sequence[Record], everyone: Sequence[Record]) -> str:
    """The jobs in as few words as there are: by model, by category, by seed, or one by one."""
    jobs = sorted(jobs, key=lambda job: model_order(job.model))
    inside = {id(job) for job in jobs}
    for axis in (label, lambda job: job.category, lambda job: f"seed {job.seed}"):
        values = dict.fromkeys(axis(job) for job in jobs)
        if all((axis(job) in values) == (id(job) in inside) for job in everyone):
            return ", ".join(values)
    shown = [f"{label(job)} {job.category} {job.seed}" for job in jobs[:3]]
    return ", ".join(shown) + (f" and {len(jobs) - 3} more" if len(jobs) > 3 else "")
