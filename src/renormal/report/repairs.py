"""Figures 4 and 7, and the table of repaired holes. Images are the best and the worst by PSNR, not picked by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from tabulate import tabulate

from renormal.contracts import REPAIRED
from renormal.report.charts import plain
from renormal.report.models import label
from renormal.report.record import Record
from renormal.report.render import markdown_text
from renormal.report.strips import MissingError, cut, picture_path, unreadable

FIGURES = {"squares": "figure4", "mixture": "figure7"}
LABELS = {
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
COLUMNS = (  # suffix of the metric's name, header, format
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
SIDE = 0.95  # side of a picture in inches


def repair_figures(records: Sequence[Record]) -> Iterator[tuple[str, Figure]]:
    """(name, figure) for each record and kind of hole with pictures in the record's folder."""
    for record in records:
        for kind, entry in repairs(record).items():
            try:
                figure = repair_figure(record, kind, entry)
            except MissingError:  # a published record has no pictures
                continue
            except ValueError as error:
                unreadable(error)
                continue
            yield f"{FIGURES.get(kind, f'inpaint-{kind}')}-{record.model}-{record.category}-{record.seed}", figure


def repairs(record: Record) -> dict[str, Mapping[str, Any]]:
    """Kind of hole → the record's entry of its picture: file, columns, rows."""
    return {
        key.removeprefix(REPAIRED): entry
        for key, entry in record.curves.items()
        if key.startswith(REPAIRED) and entry.keys() >= {"file", "columns", "rows"}
    }


def repair_rows(records: Sequence[Record]) -> list[list[Any]]:
    """One row per model, kind of hole and way to repair it, as text."""
    rows = []
    for record in records:
        for kind in repairs(record):
            ways = dict.fromkeys(key.split("/")[0] for key in record.metrics if key.endswith(f"/{kind}_psnr_hole"))
            for way in ways:
                values: dict[str, float | None] = {f"{way}/{k}": v for k, v in record.projections.get(way, {}).items()}
                values |= record.metrics
                cells = [formatted(values.get(f"{way}/{kind}_{suffix}"), spec) for suffix, _, spec in COLUMNS]
                names = map(markdown_text, (record.model, kind, LABELS.get(way, way)))
                rows.append([*names, *cells])
    return rows


def formatted(value: float | None, spec: str) -> str:
    return "–" if value is None else f"{value:{spec}}"


def repairs_table(records: Sequence[Record]) -> str:
    """A Markdown table for GitHub; empty where no record repaired a hole."""
    rows = repair_rows(records)
    headers = ["model", "holes", "repaired by", *(header for _, header, _ in COLUMNS)]
    align = ("left",) * 3 + ("right",) * len(COLUMNS)
    return tabulate(rows, headers, tablefmt="pipe", colalign=align, disable_numparse=True) + "\n" if rows else ""


def repair_figure(record: Record, kind: str, entry: Mapping[str, Any]) -> Figure:
    """One row per image, one column per way to repair it. Raises OSError or ValueError where the picture is missing."""
    columns, images = list(entry["columns"]), list(entry["rows"])
    strips = cut(picture_path(record, entry["file"]), columns)
    figure = Figure(figsize=(len(columns) * SIDE + 0.7, len(images) * SIDE + 0.6), layout="constrained")
    figure.suptitle(plain(f"{label(record)}, {record.category}, {kind}"), x=0.01, ha="left", fontsize=10)
    grid = figure.subplots(len(images), len(columns), squeeze=False)
    for column, name in enumerate(columns):
        for row, picture in enumerate(rows_of(strips[name], len(images))):
            grid[row][column].imshow(np.asarray(picture), interpolation="nearest")
            grid[row][column].set(xticks=[], yticks=[])
            grid[row][column].spines[:].set_visible(False)
        grid[0][column].set_title(LABELS.get(name, plain(name)), fontsize=7)
    for row, item in enumerate(images):
        side = "best" if row < (len(images) + 1) // 2 else "worst"
        grid[row][0].set_ylabel(f"{side}\n{item['psnr']:.1f} dB", fontsize=7)
    return figure


def rows_of(strip: Image.Image, count: int) -> list[Image.Image]:
    """The `count` pictures of a vertical strip, from the top. Raises ValueError where its height is no multiple."""
    height, rest = divmod(strip.height, count)
    if rest:
        raise ValueError(f"{strip.height} pixels do not hold {count} pictures")
    return [strip.crop((0, row * height, strip.width, (row + 1) * height)) for row in range(count)]
