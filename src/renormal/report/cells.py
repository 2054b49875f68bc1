"""A cell of the table and a row of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

LARGE = 0.1  # a relative change beyond this gets the double arrow, Table 1


class Cell(NamedTuple):
    """Our number, the paper's, and the change over f(x0) of the same model."""

    value: float | None = None  # mean over seeds
    std: float | None = None  # over seeds, from two on
    seeds: int = 0
    paper: float | None = None
    gain: float | None = None  # (value − baseline) / baseline
    best: bool = False
    few: bool = False  # over fewer seeds than other cells of the table

    @property
    def delta(self) -> float | None:
        return None if self.value is None or self.paper is None else self.value - self.paper

    @property
    def arrow(self) -> str:
        if self.gain is None or abs(self.gain) < 5e-4:  # less than the printed digits show
            return ""
        if self.gain > 0:
            return "⇑" if self.gain > LARGE else "↑"
        return "⇓" if self.gain < -LARGE else "↓"

    @property
    def main(self) -> str:
        if self.value is None:
            return "–"
        spread = "" if self.std is None else f" ± {self.std:.3f}"
        return f"{self.value:.3f}{spread}{self.of_seeds} {self.arrow}".rstrip()

    @property
    def of_seeds(self) -> str:
        """The number of seeds, where other cells have more."""
        return f" (n = {self.seeds})" if self.few else ""

    @property
    def comparison(self) -> str:
        if self.paper is None:
            return ""
        return f"{self.paper:.3f}" + ("" if self.delta is None else f" {self.delta:+.3f}".replace("-", "−"))


class Row(NamedTuple):
    """One category, or the mean."""

    label: str
    group: str
    cells: list[Cell]


def marked(row: list[Cell]) -> list[Cell]:
    """The row with its best cell marked, and every cell that equals it in the printed digits."""
    best = max((round(cell.value, 3) for cell in row if cell.value is not None), default=None)
    return [cell._replace(best=cell.value is not None and round(cell.value, 3) == best) for cell in row]


def counted(rows: Sequence[Row]) -> list[Row]:
    """The rows; a cell over fewer seeds than others says over how many."""
    most = max((cell.seeds for row in rows for cell in row.cells), default=0)
    return [row._replace(cells=[cell._replace(few=0 < cell.seeds < most) for cell in row.cells]) for row in rows]
