"""What each part of the repair is worth: rows of conf/ablation, ways to repair, scores; planted and real defects.

python -m benchmarks.ablation outputs/repair_ablation [aupro, image_auroc, …]
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from tabulate import tabulate

from renormal.contracts import BASELINE, CHOSEN
from renormal.metrics import METRICS
from renormal.report.record import Record, read_records

OWN = "score"  # the config's own score among those of the stage choose: DSSIM, 9 × 9 mean
ONE_PASS = "one_pass"  # f(x0) as a projection
WHOLE = "whole"  # the row that leaves nothing out
SCORES = {OWN: "DSSIM, 9 × 9", "dssim_plain": "DSSIM", "msgms": "MSGMS, 9 × 9", "squared_error": "error², 9 × 9"}
Lines = list[list[str]]


def ways(records: Iterable[Record]) -> list[str]:
    """f(x0), then the projections as configured."""
    held = dict.fromkeys([BASELINE, *(name for record in records for name in record.projections)])
    return [way for way in held if way not in (ONE_PASS, CHOSEN)]


def planted(record: Record, way: str, score: str, metric: str) -> float:
    """On planted defects, on images that the network has not seen."""
    held = record.choice
    if way == BASELINE:
        return float(held["baseline"][score][metric])
    found = {key(one): one["metrics"] for one in held["trials"] if (one["projection"], one["score"]) == (way, score)}
    if len(found) != 1:
        sys.exit(f"{record.folder}: {len(found)} settings of {way} were tried, choose=as_configured tries one")
    return float(*(metrics[metric] for metrics in found.values()))


def key(trial: dict[str, Any]) -> str:
    return str(sorted(trial["settings"].items()))


def real(record: Record, way: str, score: str, metric: str) -> float:
    """On the test set."""
    column = way if score == OWN else score if way == BASELINE else f"{way}_{score}"
    return record.metrics[f"{column}/{metric}"]


def cost(record: Record, way: str) -> float:
    """Seconds for each image of the test set, with all of its tiles. f(x0): half of one_pass, which needs f(x1)."""
    images = record.data["test_good"] + record.data["test_defective"]
    if way == BASELINE:
        return cost(record, ONE_PASS) / 2
    return float(record.projections[way]["seconds"] or 0) / images


def spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation."""
    return f"{fmean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")


def cell(records: Sequence[Record], way: str, score: str, metric: str) -> str:
    """Over seeds: on the test set, in brackets on planted defects."""
    on_planted = fmean(planted(record, way, score, metric) for record in records)
    return f"{spread([real(record, way, score, metric) for record in records])} ({on_planted:.3f})"


def rows(records: Sequence[Record], metric: str) -> Lines:
    """Categories × rows of conf/ablation, each by all ways under the config's own score, and what the ways cost."""
    found: Lines = []
    for category in dict.fromkeys(record.category for record in records):
        here = [record for record in records if record.category == category]
        for row in sorted({str(record.config["row"]) for record in here}, key=lambda row: (row != WHOLE, row)):
            same = [record for record in here if record.config["row"] == row]
            found.append([category, row, str(len(same)), *(cell(same, way, OWN, metric) for way in ways(records))])
        seconds = [f"{median(cost(record, way) for record in here):.2g}" for way in ways(records)]
        found.append([category, "seconds an image", "", *seconds])
    return found


def scores(records: Sequence[Record], metric: str) -> Lines:
    """Categories × scores, each by all ways, with all of the damage."""
    found: Lines = []
    for category in dict.fromkeys(record.category for record in records):
        same = [record for record in records if (record.config["row"], record.category) == (WHOLE, category)]
        if same:
            for score, name in SCORES.items():
                cells = (cell(same, way, score, metric) for way in ways(records))
                found.append([category, name, str(len(same)), *cells])
    return found


def shown(way: str) -> str:
    return way.replace(BASELINE, "f(x₀)")


def main() -> None:
    metric = sys.argv[2] if len(sys.argv) > 2 else "pixel_auroc"
    if metric not in METRICS:
        sys.exit(f"{metric} is none of {', '.join(METRICS)}")
    found = read_records(Path(sys.argv[1]))
    for problem in found.problems:
        print(problem, file=sys.stderr)
    records = [record for record in found.records if record.config.get("row") and record.choice]
    if not records:
        sys.exit(f"{sys.argv[1]}: no record of experiment=repair_ablation below")
    columns = ["seeds", *map(shown, ways(records))]
    print(f"{metric} on the test set, in brackets on planted defects", end="\n\n")
    for second, lines in (("damage", rows(records, metric)), ("score", scores(records, metric))):
        print(tabulate(lines, ["category", second, *columns], tablefmt="pipe", disable_numparse=True), end="\n\n")


if __name__ == "__main__":
    main()
