"""What each part of the repair is worth: rows of conf/ablation, ways to repair, scores; planted and real defects.

python -m benchmarks.ablation outputs/repair_ablation
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from tabulate import tabulate

from renormal.report.record import Record, read_records

METRIC = "pixel_auroc"
OWN = "score"  # the config's own score among those of the stage calibrate: DSSIM, 9 × 9 mean
ONE_PASS, CHOSEN = "baseline", "calibrated"
SCORES = {OWN: "DSSIM, 9 × 9", "dssim_plain": "DSSIM", "msgms": "MSGMS, 9 × 9", "squared_error": "error², 9 × 9"}
Lines = list[list[str]]


def ways(records: Iterable[Record]) -> list[str]:
    """One pass, then the projections as configured: what the stage calibrate took repeats one of them."""
    held = dict.fromkeys([ONE_PASS, *(name for record in records for name in record.projections)])
    return [way for way in held if way != CHOSEN]


def planted(record: Record, way: str, score: str) -> float:
    """On planted defects, on images that the network has not seen."""
    held = record.calibration
    if way == ONE_PASS:
        return float(held["baseline"][score][METRIC])
    found = {key(one): one["metrics"] for one in held["trials"] if (one["projection"], one["score"]) == (way, score)}
    if len(found) != 1:
        sys.exit(f"{record.folder}: {len(found)} settings of {way} were tried, search=as_configured tries one")
    return float(*(metrics[METRIC] for metrics in found.values()))


def key(trial: dict[str, Any]) -> str:
    return str(sorted(trial["settings"].items()))


def real(record: Record, way: str, score: str, metric: str) -> float:
    """On the test set."""
    column = way if score == OWN else score if way == ONE_PASS else f"{way}_{score}"
    return record.metrics[f"{column}/{metric}"]


def cost(record: Record, way: str) -> float:
    """Seconds for each image of the test set, with all of its tiles. f(x0): half of one_pass, which needs f(x1)."""
    images = record.data["test_good"] + record.data["test_defective"]
    if way == ONE_PASS:
        return cost(record, "one_pass") / 2
    return float(record.projections[way]["seconds"] or 0) / images


def spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation."""
    return f"{fmean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")


def line(records: Sequence[Record], way: str, score: str) -> list[str]:
    """What the table says of one way to repair and one score."""
    metrics = (METRIC, "aupro", "image_auroc")
    values = [[planted(record, way, score) for record in records]]
    values += [[real(record, way, score, metric) for record in records] for metric in metrics]
    return [*map(spread, values), f"{fmean(cost(record, way) for record in records):.2f}"]


def rows(records: Sequence[Record]) -> Lines:
    """Rows of conf/ablation × categories × ways, under the config's own score; over seeds."""
    found: Lines = []
    for row, category in dict.fromkeys((str(record.config["row"]), record.category) for record in records):
        same = [record for record in records if (record.config["row"], record.category) == (row, category)]
        found += [[row, category, shown(way), str(len(same)), *line(same, way, OWN)] for way in ways(same)]
    return found


def scores(records: Sequence[Record]) -> Lines:
    """Categories × ways × scores, with all of the damage; over seeds."""
    found: Lines = []
    for category in dict.fromkeys(record.category for record in records if record.config["row"] == "whole"):
        same = [record for record in records if (record.config["row"], record.category) == ("whole", category)]
        for way, (score, name) in product(ways(same), SCORES.items()):
            found.append([name, category, shown(way), str(len(same)), *line(same, way, score)])
    return found


def shown(way: str) -> str:
    return way.replace(ONE_PASS, "f(x₀)")


def main() -> None:
    found = read_records(Path(sys.argv[1]))
    for problem in found.problems:
        print(problem, file=sys.stderr)
    records = [record for record in found.records if record.config.get("row") and record.calibration]
    if not records:
        sys.exit(f"{sys.argv[1]}: no record of experiment=repair_ablation below")
    columns = ["category", "repaired by", "seeds", "planted AUROC", "AUROC", "AUPRO", "image AUROC", "s an image"]
    for first, lines in (("damage", rows(records)), ("score", scores(records))):
        print(tabulate(lines, [first, *columns], tablefmt="pipe", disable_numparse=True), end="\n\n")


if __name__ == "__main__":
    main()
