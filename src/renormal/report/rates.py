"""What each projection changes over all cells, and how many cells are as good as the paper's."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from statistics import fmean
from typing import NamedTuple

from renormal.console.text import counted
from renormal.contracts import BASELINE
from renormal.report.cells import Row
from renormal.report.columns import Column

DIGITS = 3  # of the paper's tables
NEAR = 0.01  # AUROC below the paper's that a baseline of a smaller budget may have, ours


class Rate(NamedTuple):
    """One projection over all cells that have a baseline."""

    method: str
    improved: int
    cells: int
    rate: float  # mean of (projection − baseline) / baseline
    paper: float | None  # the same, from the paper's numbers for the same cells
    where: str = ""  # whose cells these are, where the table has others, too

    def __str__(self) -> str:
        paper = "" if self.paper is None else f" (paper, same cells: {self.paper:+.2%})"
        count = f"{self.method} improves {self.improved} of {counted(self.cells, 'cell')}{self.where}"
        return f"{count}, mean improvement rate {self.rate:+.2%}{paper}".replace("-", "−")


def rates(columns: list[Column], rows: list[Row], left_out: Collection[str], where: str = "") -> list[Rate]:
    """The mean improvement rate of each projection. The paper's is 9.52 % over its 60 cells."""
    result = []
    for method in dict.fromkeys(column.method for column in columns if column.method not in left_out):
        gains, published = [], []
        for row in rows:
            held = dict(zip(columns, row.cells, strict=True))
            for column, cell in held.items():
                if column.method != method or cell.gain is None:
                    continue
                gains.append(cell.gain)
                base = held[Column(column.model, BASELINE)].paper
                if cell.paper is not None and base:
                    published.append((cell.paper - base) / base)
        if gains:
            paper = fmean(published) if published else None
            result.append(Rate(method, sum(gain > 0 for gain in gains), len(gains), fmean(gains), paper, where))
    return result


def levels(columns: list[Column], rows: list[Row], methods: Iterable[str], where: str = "") -> Iterator[str]:
    """A line for each method that the paper has numbers for. Numbers count as they are printed."""
    for method in methods:
        cells = [row.cells[index] for row in rows for index, column in enumerate(columns) if column.method == method]
        pairs = [(cell.value, cell.paper) for cell in cells if cell.value is not None and cell.paper is not None]
        count, verb = f"{counted(len(pairs), 'cell')}{where}", "is" if len(pairs) == 1 else "are"
        if pairs and method == BASELINE:
            near = sum(round(round(ours, DIGITS) - paper, DIGITS) >= -NEAR for ours, paper in pairs)
            yield f"{method}: {near} of {count} {verb} above the paper's or at most {NEAR} below"
        elif pairs:
            level = sum(round(ours, DIGITS) >= paper for ours, paper in pairs)
            yield f"{method}: {level} of {count} {verb} at the paper's or above"
