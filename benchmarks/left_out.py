"""Leave one category out: the projection and the score that planted defects of all other categories choose together.

python -m benchmarks.left_out results/recipe

Reads records of experiment=segment or of any job with a stage `choose` and test.crossed=true. Nothing is computed
again. Real defects choose nothing: they are printed for the category that was left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from tabulate import tabulate

from benchmarks.ablation import real
from renormal.report.record import Record, read_records

METRICS = ("pixel_auroc", "aupro", "image_auroc")
Pair = tuple[str, str]  # projection, score


class LeftOut(NamedTuple):
    """One category ("" for none), the pair that the others choose, its planted mean there, its real metrics here."""

    category: str
    pair: Pair
    planted: float
    real: tuple[float, ...]


def planted_of(record: Record) -> dict[Pair, float]:
    """{projection and score: the metric of the choice on planted defects}, of the best settings of each pair."""
    found: dict[Pair, float] = {}
    for trial in record.choice["trials"]:
        pair = trial["projection"], trial["score"]
        found[pair] = max(trial["metrics"][record.choice["metric"]], found.get(pair, 0.0))
    return found


def left_out(records: Sequence[Record]) -> list[LeftOut]:
    """A line for each category, after one for which none is left out, with the real mean over all categories.

    Raises ValueError where no pair was tried in all jobs, or where there is one category.
    """
    planted = [(record, planted_of(record)) for record in records]
    pairs = sorted(set.intersection(*(set(found) for _, found in planted))) if planted else []
    categories = sorted({record.category for record in records})
    if len(categories) < 2 or not pairs:
        raise ValueError(f"{len(categories)} categories and {len(pairs)} pairs that all jobs tried: needs 2 and 1")
    lines = []
    for category in ["", *categories]:
        others = [found for record, found in planted if record.category != category]
        means = {pair: fmean(found[pair] for found in others) for pair in pairs}
        pair = max(means, key=means.__getitem__)
        tested = [record for record in records if category in ("", record.category)]
        numbers = (fmean(real(record, *pair, metric) for record in tested) for metric in METRICS)
        lines.append(LeftOut(category, pair, means[pair], tuple(numbers)))
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="jobs of several categories")
    records, lost = read_records(parser.parse_args().folder)
    records = [record for record in records if record.choice]
    try:
        lines = left_out(records)
    except ValueError as error:
        parser.error(str(error))
    rows = [
        [line.category or "none", *line.pair, f"{line.planted:.4f}", *map("{:.3f}".format, line.real)] for line in lines
    ]
    print(
        tabulate(
            rows,
            ["left out", "projection", "score", "planted, others", *METRICS],
            tablefmt="pipe",
            disable_numparse=True,
        )
    )
    for line in lost:
        print(line)


if __name__ == "__main__":
    main()
