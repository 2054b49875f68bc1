"""The numbers that the paper prints: Tables 1 and 2, by category and column."""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources


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
