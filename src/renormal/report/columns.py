"""The columns of a table, from the configs of the records."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from renormal.contracts import BASELINE
from renormal.report.former_names import CHOSEN
from renormal.report.paper import published
from renormal.report.record import Record


@dataclass(frozen=True)
class Column:
    """One autoencoder with one way to restore the image. Its label is for readers: it makes no other column of it."""

    model: str
    method: str  # "baseline" or a projection's name
    label: str = field(default="", compare=False)  # of the model


Paper = dict[tuple[str, Column], float]  # (category, column) → the paper's number


def distinct(records: Sequence[Record]) -> tuple[list[Record], list[str]]:
    """One record per job, and a note on those left out. Of several, the one that was trained on most images stays."""
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
    """Columns that are no projection: further scores of x0 and f(x0)."""
    return {name for record in records for name in record.config.get("scores") or ()}


def crossed(records: Iterable[Record]) -> dict[str, str]:
    """{column: score} of the columns that score a projection's x_N with a further score (`test.crossed`)."""
    return {
        f"{projection}_{score}": score
        for record in records
        if record.config.get("test", {}).get("crossed")
        for projection in record.config.get("projections", {})
        for score in record.config.get("scores") or ()
    }


def reference(record: Record, method: str) -> str | None:
    """The column that a method is compared with: f(x0) under the same score. None for f(x0), or where there is none."""
    further = record.config.get("scores") or {}
    if method == BASELINE or method in further:
        return None
    name, choose = record.choice.get("chosen", {}).get("score"), record.config.get("choose", {})
    score = (choose.get("scores") or {}).get(name)
    if method not in CHOSEN or score in (None, record.config.get("score")):
        return crossed([record]).get(method, BASELINE)
    return next((column for column, own in further.items() if own == score), None)


def searches(records: Iterable[Record]) -> set[Column]:
    """Columns of searches in z. The paper argues against them and prints no number of theirs."""
    return {
        Column(record.model, name)
        for record in records
        for name, projection in record.config.get("projections", {}).items()
        if "start" in projection.get("energy", {})  # a key that only energies of z have; no energy is built here
    }


def paper_numbers(columns: Iterable[Column], models: Mapping[str, str], scores: Collection[str] = ()) -> Paper:
    """The paper's number for each of our columns: a projection has the paper's "grad" column, a score its own.

    models: our model → the paper's.
    """
    endings = {BASELINE: ""} | {score: f"_{score}" for score in scores}
    names = {column: models.get(column.model, column.model) + endings.get(column.method, "_grad") for column in columns}
    return {
        (category, column): row[name]
        for category, row in published().items()
        for column, name in names.items()
        if name in row
    }
