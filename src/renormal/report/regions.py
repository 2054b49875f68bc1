"""AUPROs whose regions were counted in different ways are not compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from renormal.report.record import REGIONS, Record

BY_REGION = "aupro"  # metrics that begin with it are means over regions
REDUCED = "counted in the reduced masks, which may split one defect or merge two"
AGAIN = "stages=[test] rerun=true counts them as drawn"


def comparable(records: Sequence[Record], metric: str) -> tuple[list[Record], list[str]]:
    """The records, and a note if the metric is an AUPRO of older records.

    Where a record has counted the regions as they are drawn, the others lose their AUPROs.
    """
    older = [record for record in records if has_aupro(record) and record.data.get("regions") != REGIONS]
    mixed = len(older) < sum(has_aupro(record) for record in records)
    kept = [without_aupro(record) if mixed and record in older else record for record in records]
    if not older or not metric.startswith(BY_REGION):
        return kept, []
    if mixed:
        jobs = [f"{record.model}/{record.category}/{record.seed}" for record in older]
        named = f"{', '.join(jobs[:5])}{f' and {len(jobs) - 5} more' if len(jobs) > 5 else ''}"
        return kept, [f"{named}: left out, regions were {REDUCED} ({AGAIN})"]
    return kept, [f"regions were {REDUCED} ({AGAIN})"]


def has_aupro(record: Record) -> bool:
    return any(is_aupro(key) for key in record.metrics)


def is_aupro(key: str) -> bool:
    """Whether "<column>/<metric>" is an AUPRO."""
    return key.partition("/")[2].startswith(BY_REGION)


def without_aupro(record: Record) -> Record:
    return replace(record, metrics={key: value for key, value in record.metrics.items() if not is_aupro(key)})
