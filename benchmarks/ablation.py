"""Tables of the ablation: a metric by row of conf/ablation, by method and by score, on planted and on real defects.

python -m benchmarks.ablation outputs/repair_ablation [aupro, image_auroc, …]

Descents of records whose DSSIM had rounding errors are left out: what they changed may be less than the errors.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from tabulate import tabulate

from renormal.contracts import BASELINE
from renormal.metrics import METRICS
from renormal.report.former_names import CHOSEN
from renormal.report.record import SCORES as EXACT
from renormal.report.record import Record, read_records

OWN = "score"  # the name that the stage choose gives to the score of the config: DSSIM, 9 × 9 mean
ONE_PASS = "one_pass"  # the projection that returns f(x0)
WHOLE = "whole"  # the row that leaves nothing out
SCORES = {OWN: "DSSIM, 9 × 9", "dssim_plain": "DSSIM", "msgms": "MSGMS, 9 × 9", "squared_error": "error², 9 × 9"}
Lines = list[list[str]]


def methods_of(records: Sequence[Record]) -> list[str]:
    """f(x0), then the configured projections, without descents that some record has scored with rounding."""
    names = dict.fromkeys([BASELINE, *(name for record in records for name in record.projections)])
    left_out = {name for record in records for name in rounded(record)}
    return [method for method in names if method not in (ONE_PASS, *CHOSEN, *left_out)]


def rounded(record: Record) -> list[str]:
    """Descents, which alone have a T, of a record whose DSSIM had rounding errors."""
    if record.data.get("scores") == EXACT:
        return []
    return [name for name, found in record.projections.items() if float(found.get("threshold") or 0) > 0]


def planted(record: Record, method: str, score: str, metric: str) -> float:
    """The metric on defects planted on images that the training did not use."""
    choice = record.choice
    if method == BASELINE:
        return float(choice["baseline"][score][metric])
    trials = [one for one in choice["trials"] if (one["projection"], one["score"]) == (method, score)]
    found = {settings_key(one): one["metrics"] for one in trials}
    if len(found) != 1:
        sys.exit(f"{record.folder}: {len(found)} settings of {method} were tried, choose=as_configured tries one")
    return float(*(metrics[metric] for metrics in found.values()))


def settings_key(trial: dict[str, Any]) -> str:
    return str(sorted(trial["settings"].items()))


def real(record: Record, method: str, score: str, metric: str) -> float:
    """The metric on the test set."""
    column = method if score == OWN else score if method == BASELINE else f"{method}_{score}"
    return record.metrics[f"{column}/{metric}"]


def cost(record: Record, method: str) -> float:
    """Seconds per test image, with all its tiles. f(x0): half of one_pass, which also computes f(x1)."""
    images = record.data["test_good"] + record.data["test_defective"]
    if method == BASELINE:
        return cost(record, ONE_PASS) / 2
    return float(record.projections[method]["seconds"] or 0) / images


def spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation."""
    return f"{fmean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")


def cell(records: Sequence[Record], method: str, score: str, metric: str) -> str:
    """Mean over seeds on the test set; in brackets that on planted defects."""
    on_planted = fmean(planted(record, method, score, metric) for record in records)
    return f"{spread([real(record, method, score, metric) for record in records])} ({on_planted:.3f})"


def rows(records: Sequence[Record], metric: str) -> Lines:
    """Lines for categories × rows of conf/ablation under the score of the config; then the seconds of each method."""
    found: Lines = []
    for category in dict.fromkeys(record.category for record in records):
        here = [record for record in records if record.category == category]
        for row in sorted({str(record.config["row"]) for record in here}, key=lambda row: (row != WHOLE, row)):
            same = [record for record in here if record.config["row"] == row]
            cells = (cell(same, method, OWN, metric) for method in methods_of(records))
            found.append([category, row, str(len(same)), *cells])
        seconds = [f"{median(cost(record, method) for record in here):.2g}" for method in methods_of(records)]
        found.append([category, "seconds an image", "", *seconds])
    return found


def scores(records: Sequence[Record], metric: str) -> Lines:
    """Lines for categories × scores, of the row WHOLE."""
    found: Lines = []
    for category in dict.fromkeys(record.category for record in records):
        same = [record for record in records if (record.config["row"], record.category) == (WHOLE, category)]
        if same:
            for score, name in SCORES.items():
                cells = (cell(same, method, score, metric) for method in methods_of(records))
                found.append([category, name, str(len(same)), *cells])
    return found


def header(method: str) -> str:
    return method.replace(BASELINE, "f(x₀)")


def main() -> None:
    metric = sys.argv[2] if len(sys.argv) > 2 else "pixel_auroc"
    if metric not in METRICS:
        sys.exit(f"the metric must be one of {', '.join(METRICS)}, got {metric}")
    found = read_records(Path(sys.argv[1]))
    for problem in found.problems:
        print(problem, file=sys.stderr)
    records = [record for record in found.records if record.config.get("row") and record.choice]
    if not records:
        sys.exit(f"{sys.argv[1]}: no record of experiment=repair_ablation in this folder")
    columns = ["seeds", *map(header, methods_of(records))]
    print(f"{metric} on the test set, in brackets on planted defects", end="\n\n")
    for second, lines in (("damage", rows(records, metric)), ("score", scores(records, metric))):
        print(tabulate(lines, ["category", second, *columns], tablefmt="pipe", disable_numparse=True), end="\n\n")


if __name__ == "__main__":
    main()
