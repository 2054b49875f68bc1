"""What the columns of a table are, as the records say it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from renormal.contracts import BASELINE
from renormal.report.former_names import CHOSEN
from renormal.report.record import Record


def distinct(records: Sequence[Record]) -> tuple[list[Record], list[str]]:
    """One record per job; of several the one that was trained on most images."""
    kept: dict[tuple[str, str, int], Record] = {}
    for record in sorted(records, key=lambda record: record.training.get("images") or 0):
        kept[record.model, record.category, record.seed] = record
    dropped = [record for record in records if not any(record is other for other in kept.values())]
    note = f"{len(dropped)} records repeat a job with no more training images and are left out of the table"
    if others := sorted({record.name for record in dropped} - {record.name for record in kept.values()}):
        named = f"{', '.join(others[:5])}{', …' if len(others) > 5 else ''}"
        note = (
            f"{len(dropped)} records repeat a job under another name and are left out, give their folder alone: {named}"
        )
    return [record for record in records if any(record is one for one in kept.values())], [note] if dropped else []


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


def held_to(record: Record, method: str) -> str | None:
    """The column that a method's gain is over: f(x0) under the same score. None where there is none, as for f(x0)."""
    further = record.config.get("scores") or {}
    if method == BASELINE or method in further:
        return None
    name, choose = record.choice.get("chosen", {}).get("score"), record.config.get("choose", {})
    score = (choose.get("scores") or {}).get(name)
    if method not in CHOSEN or score in (None, record.config.get("score")):
        return crossed([record]).get(method, BASELINE)
    return next((column for column, own in further.items() if own == score), None)


def searches(records: Iterable[Record]) -> set[tuple[str, str]]:
    """(model, method) of searches in z: the paper argues against them and prints no number of theirs."""
    return {
        (record.model, name)
        for record in records
        for name, projection in record.config.get("projections", {}).items()
        if "start" in projection.get("energy", {})
    }
