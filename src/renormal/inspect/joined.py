"""One CSV and one page of the lines of all parts."""

from __future__ import annotations

import csv
import io
from contextlib import closing
from pathlib import Path

from renormal.console.text import cell, printable
from renormal.files import read_json, whole_file
from renormal.inspect.inputs import PAGE, SETTINGS, TABLE
from renormal.inspect.predictions import LINES, Line, digest_of, lines_in, rows_of, times_threshold
from renormal.inspect.shown import Gathered, page_of

COLUMNS = (
    *("image", "score", "threshold", "times_threshold", "p", "defective", "note"),
    *("defects", "area", "boxes", "width", "height", "sha256", "overlay", "mask", "map", "error"),
)


def join(folder: Path, left_out: str = "") -> dict[str, int]:
    """Write CSV and page of all lines of all parts, each whole. Returns the numbers of good, defective and unread ones.

    left_out: files that were no images by their names, for the page. A process that joins while another one does waits
    for it, and then has its lines, too.
    """
    settings = read_json(folder / SETTINGS)
    gathered = Gathered()
    with whole_file(folder / PAGE) as page:  # the lock of both files
        write_table(folder, digest_of(settings), gathered)
        page.write(page_of(folder, settings, gathered, left_out))
    counts = gathered.counts
    return {"good": counts["good"] + counts["near"], "defective": counts["defective"], "unread": counts["unread"]}


def write_table(folder: Path, digest: str, gathered: Gathered) -> None:
    """Write the CSV of all lines with the digest of their settings, and gather them."""
    with whole_file(folder / TABLE) as file, closing(rows_of(folder, digest)) as table:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        rows = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)  # boxes have spaces and semicolons
        rows.writerow(COLUMNS)
        for line in lines_in(table):
            gathered.look(line)
            rows.writerow(row_of(line))
        text.flush()
        text.detach()


def check_joinable(folder: Path) -> None:
    """Raise ValueError with one line for a folder whose CSV would be without a photograph: the CSV there stays."""
    if not folder.is_dir():
        raise ValueError(f"--join {folder} is no folder: give the --out of renormal-predict")
    with closing(rows_of(folder, digest_of(read_json(folder / SETTINGS)))) as table:
        if table.execute("SELECT 1 FROM rows LIMIT 1").fetchone() is None:
            mend = f"bring both files back, or predict again with --out {folder} --force"
            raise ValueError(f"--join {folder}: no line of {LINES} is of the settings in {SETTINGS}; {mend}")


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
