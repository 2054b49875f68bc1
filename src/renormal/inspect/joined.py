"""One CSV of the lines of all parts."""

from __future__ import annotations

import csv
import io
from contextlib import closing
from pathlib import Path

from renormal.console.text import cell, printable
from renormal.files import read_json, whole_file
from renormal.inspect.inputs import SETTINGS, TABLE
from renormal.inspect.predictions import LINES, Line, digest_of, lines_in, rows_of

COLUMNS = (
    *("image", "score", "threshold", "times_threshold", "p", "defective", "note"),
    *("defects", "area", "boxes", "width", "height", "sha256", "overlay", "mask", "map", "error"),
)
NEAR = 0.95  # of the threshold, ours: a good photograph with such a score is named


def join(folder: Path) -> dict[str, int]:
    """Write the CSV of all lines of all parts, whole, and return the numbers of good, defective and unread photographs.

    A process that joins while another one does waits for it, and then has its lines, too.
    """
    settings = read_json(folder / SETTINGS)
    counts = dict.fromkeys(("good", "defective", "unread"), 0)
    with whole_file(folder / TABLE) as file, closing(rows_of(folder, digest_of(settings))) as table:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        rows = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)  # boxes have spaces and semicolons
        rows.writerow(COLUMNS)
        for line in lines_in(table):
            counts[state_of(line)] += 1
            rows.writerow(row_of(line))
        text.flush()
        text.detach()
    return counts


def check_joinable(folder: Path) -> None:
    """Raise ValueError with one line for a folder whose CSV would be without a photograph: the CSV there stays."""
    if not folder.is_dir():
        raise ValueError(f"--join {folder} is no folder: give the --out of renormal-predict")
    with closing(rows_of(folder, digest_of(read_json(folder / SETTINGS)))) as table:
        if table.execute("SELECT 1 FROM rows LIMIT 1").fetchone() is None:
            mend = f"bring both files back, or predict again with --out {folder} --force"
            raise ValueError(f"--join {folder}: no line of {LINES} is of the settings in {SETTINGS}; {mend}")


def state_of(line: Line) -> str:
    return "unread" if "error" in line else "defective" if line["defective"] else "good"


def times_threshold(line: Line) -> float | None:
    """score / threshold; None without a positive threshold, as of several jobs together."""
    threshold = line.get("threshold")
    return float(line["score"] / threshold) if threshold is not None and threshold > 0 else None


def is_near(line: Line) -> bool:
    """Whether a photograph is called good and its score is at most 5 % below the threshold."""
    times = None if "error" in line else times_threshold(line)
    return times is not None and times >= NEAR and not line["defective"]


def row_of(line: Line) -> list[str | int | float]:
    """The cells of a line. boxes: x y width height area of each defect, divided by semicolons."""
    cells: dict[str, str | int | float]
    texts = ("image", "note", "overlay", "mask", "map", "sha256", "error")
    cells = {key: cell(printable(str(line[key]))) for key in texts if key in line}
    if "error" not in line:
        defects = line["defects"]
        numbers = ("score", "threshold", "p", "width", "height")
        cells |= {key: line[key] for key in numbers if line.get(key) is not None}
        if (times := times_threshold(line)) is not None:
            cells["times_threshold"] = float(f"{times:.3g}")
        cells["defective"] = "yes" if line["defective"] else "no"
        cells |= {"defects": len(defects), "area": sum(one["area"] for one in defects)}
        cells["boxes"] = "; ".join(" ".join(map(str, one.values())) for one in defects)
    return [cells.get(column, "") for column in COLUMNS]
