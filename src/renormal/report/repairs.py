"""Figures 4 and 7: holes, every way's repair of them and the truth; the best and the worst, which nobody picks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from tabulate import tabulate

from renormal.report.models import label
from renormal.report.record import Record
from renormal.report.strips import cut, picture_path

PREFIX = "repaired_"  # of the entries that the stage inpaint leaves among a record's curves
FIGURES = {"squares": "figure4", "mixture": "figure7"}
WORDS = {
    "x0": "x₀",
    "classical": "biharmonic",
    "baseline": "f(x₀)",
    "pasted": "f(x₀) in the hole",
    "inpainter": "trained for it",
    "inpaint": "x_N, eq. 7",
    "inpaint_reconstructed": "f(x_N) in the hole",
    "inpaint_blind": "x_N, eq. 8, blind",
    "inpaint_blind_reconstructed": "f(x_N), blind",
}
COLUMNS = (  # the end of a metric's name, its words, its format
    ("psnr_hole", "PSNR in the hole, dB", ".2f"),
    ("ssim_hole", "SSIM", ".3f"),
    ("l1_hole", "L1", ".3f"),
    ("psnr_rest", "PSNR outside", ".2f"),
    ("ssim_rest", "SSIM", ".3f"),
    ("l1_rest", "L1", ".3f"),
    ("auroc", "AUROC of the change", ".3f"),
    ("steps", "steps", ".0f"),
    ("stopped", "reached T", ".0%"),
    ("seconds", "s an image", ".3f"),
)
SIDE = 0.95  # inches of a picture


def repair_figures(records: Sequence[Record]) -> Iterator[tuple[str, Figure]]:
    """(name, figure) for each record and kind of hole whose pictures lie beside it."""
    for record in records:
        for kind, entry in repairs(record).items():
            try:
                figure = repair_figure(record, kind, entry)
            except (OSError, ValueError):  # published without pictures
                continue
            yield f"{FIGURES.get(kind, f'inpaint-{kind}')}-{record.model}-{record.category}-{record.seed}", figure


def repairs(record: Record) -> dict[str, Mapping[str, Any]]:
    """By kind of hole what the record says of its picture."""
    return {key.removeprefix(PREFIX): entry for key, entry in record.curves.items() if key.startswith(PREFIX)}


def repair_rows(records: Sequence[Record]) -> list[list[Any]]:
    """A row for each model, kind of hole and way to repair it."""
    rows = []
    for record in records:
        for kind in repairs(record):
            ways = dict.fromkeys(key.split("/")[0] for key in record.metrics if key.endswith(f"/{kind}_psnr_hole"))
            for way in ways:
                held: dict[str, float | None] = {f"{way}/{k}": v for k, v in record.projections.get(way, {}).items()}
                held |= record.metrics
                numbers = [held.get(f"{way}/{kind}_{noun}") for noun, _, _ in COLUMNS]
                told = [format_spec(value, spec) for value, (_, _, spec) in zip(numbers, COLUMNS, strict=True)]
                rows.append([record.model, kind, WORDS.get(way, way), *told])
    return rows


def format_spec(value: float | None, spec: str) -> str:
    return "–" if value is None else f"{value:{spec}}"


def repairs_table(records: Sequence[Record]) -> str:
    """A pipe table for GitHub; empty where no record has repaired a hole."""
    rows = repair_rows(records)
    headers = ["model", "holes", "repaired by", *(words for _, words, _ in COLUMNS)]
    align = ("left",) * 3 + ("right",) * len(COLUMNS)
    return tabulate(rows, headers, tablefmt="pipe", colalign=align, disable_numparse=True) + "\n" if rows else ""


def repair_figure(record: Record, kind: str, entry: Mapping[str, Any]) -> Figure:
    """A row for each face, a column for each way. Raises OSError or ValueError without its picture."""
    columns, told = list(entry["columns"]), list(entry["rows"])
    strips = cut(picture_path(record, entry["file"]), columns)
    figure = Figure(figsize=(len(columns) * SIDE + 0.7, len(told) * SIDE + 0.6), layout="constrained")
    figure.suptitle(f"{label(record)}, {record.category}, {kind}", x=0.01, ha="left", fontsize=10)
    grid = figure.subplots(len(told), len(columns), squeeze=False)
    for column, name in enumerate(columns):
        for row, picture in enumerate(rows_of(strips[name], len(told))):
            grid[row][column].imshow(np.asarray(picture), interpolation="nearest")
            grid[row][column].set(xticks=[], yticks=[])
            grid[row][column].spines[:].set_visible(False)
        grid[0][column].set_title(WORDS.get(name, name), fontsize=7)
    for row, item in enumerate(told):
        side = "best" if row < (len(told) + 1) // 2 else "worst"
        grid[row][0].set_ylabel(f"{side}\n{item['psnr']:.1f} dB", fontsize=7)
    return figure


def rows_of(strip: Image.Image, count: int) -> list[Image.Image]:
    """A column of pictures, one below the other. Raises ValueError for a strip that does not hold them."""
    height, rest = divmod(strip.height, count)
    if rest:
        raise ValueError(f"{strip.height} pixels do not hold {count} pictures")
    return [strip.crop((0, row * height, strip.width, (row + 1) * height)) for row in range(count)]
