"""What the columns of a table are, as the records say it."""

from __future__ import annotations

from collections.abc import Iterable

from renormal.report.record import Record


def further_scores(records: Iterable[Record]) -> set[str]:
    """Columns that are no projection: scores of x0 and f(x0) beside the main one."""
    return {name for record in records for name in record.config.get("scores") or ()}


def crossed(records: Iterable[Record]) -> dict[str, str]:
    """Columns in which a further score reads a projection's end (`test.crossed`), each with that score's own column."""
    return {
        f"{projection}_{score}": score
        for record in records
        if record.config.get("test", {}).get("crossed")
        for projection in record.config.get("projections", {})
        for score in record.config.get("scores") or ()
    }


def searches(records: Iterable[Record]) -> set[tuple[str, str]]:
    """(model, method) of searches in z: the paper argues against them and prints no number of theirs."""
    return {
        (record.model, name)
        for record in records
        for name, projection in record.config.get("projections", {}).items()
        if "start" in projection.get("energy", {})
    }
