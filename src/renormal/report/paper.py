"""The numbers that the paper prints: Tables 1 and 2, by category and column."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from importlib import resources

from renormal.contracts import BASELINE
from renormal.report.columns import Column

Paper = dict[tuple[str, Column], float]  # (category, column) → its number


@cache
def published() -> dict[str, dict[str, float]]:
    """Category → {column: pixel AUROC}, in the order of the paper. A column is a model, a model and "_grad", or a model
    and the name of a score."""
    found: dict[str, dict[str, float]] = {}
    for name in ("table1.csv", "table2.csv"):
        text = resources.files("renormal.report").joinpath(name).read_text(encoding="utf-8")
        for row in csv.DictReader(text.splitlines()):
            numbers = {key: float(value) for key, value in row.items() if key != "category"}
            found.setdefault(row["category"], {}).update(numbers)
    return found


def paper_models() -> list[str]:
    """The models of Table 1, in its order: those with a column of their own that ends in _grad."""
    columns = next(iter(published().values()))
    return [name.removesuffix("_grad") for name in columns if name.endswith("_grad")]


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
