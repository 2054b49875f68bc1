"""Cells whose improvement rate says little: there f(x0) ranks pixels or images no better than chance."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from statistics import fmean

from renormal.report.columns import reference
from renormal.report.models import label
from renormal.report.record import Record
from renormal.report.unscored import AUROCS

CHANCE = 0.5  # the AUROC of scores that know nothing of defects
SHOWN = 5  # names in one line, ours
NOTE = "the rate says little: f(x0) is no better than chance (AUROC at most 0.5) in {}"


def notes_on_chance(records: Sequence[Record], metric: str, methods: Collection[str]) -> list[str]:
    """A line that names the cells whose AUROC of f(x0) is at most 0.5, as a mean over seeds.

    metric: of the table. Of a metric that is no AUROC, the pixel AUROC counts, else the image AUROC. methods: those
    with a rate.
    """
    names = (metric,) if metric in AUROCS else AUROCS
    found: dict[str, list[float]] = {}
    for record in records:
        for base in dict.fromkeys(reference(record, method) for method in methods if has(record, method, metric)):
            own = next((record.metrics[key] for name in names if (key := f"{base}/{name}") in record.metrics), None)
            if own is not None:
                found.setdefault(f"{label(record)} {record.category}", []).append(own)
    weak = [name for name, values in found.items() if fmean(values) <= CHANCE]
    more = f" and {len(weak) - SHOWN} more" if len(weak) > SHOWN else ""
    return [NOTE.format(", ".join(weak[:SHOWN]) + more)] if weak else []


def has(record: Record, method: str, metric: str) -> bool:
    return f"{method}/{metric}" in record.metrics
