"""samples.csv: one row for each photograph, with its scores, steps and seconds."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import torch

from renormal.console.text import cell
from renormal.contracts import PerSample, Projection, Stopped
from renormal.files import SAMPLES, write_whole

ABOVE = "above_image_threshold"
COLUMNS = ("score", ABOVE, "steps", "stopped", "energy_start", "energy_end", "seconds")  # of each method that has them
Row = dict[str, str | float | bool]  # "path", "defect", "baseline/score", "<projection>/steps", …


def open_rows(paths: Sequence[str], defects: Sequence[str]) -> list[Row]:
    return [{"path": path, "defect": defect} for path, defect in zip(paths, defects, strict=True)]


def add_scores(rows: Sequence[Row], method: str, scores: PerSample, threshold: float | None = None) -> None:
    """Add the image scores, which the image AUROC ranks, and whether each is above the image threshold.

    threshold: of normal images, as the image F1 and the recall of images use it; None: there is none, and no column.
    """
    for row, score in zip(rows, scores.tolist(), strict=True):
        row[f"{method}/score"] = score
        if threshold is not None:
            row[f"{method}/{ABOVE}"] = score > threshold


def add_descent(rows: Sequence[Row], method: str, result: Projection, seconds: float) -> None:
    """Add steps, energies and seconds of each photograph. A texture has the mean of its tiles; it is "stopped" if all
    of them arrived.

    seconds: of the whole batch, divided in proportion to the evaluations. If a photograph has several descents, of
    several models or views, the row has the steps and energies of the first and the seconds of all.
    """
    steps = result.steps.view(len(rows), -1).double()  # (B·T,) → (B, T)
    work = (steps + 1).sum(dim=1)  # one evaluation more than updates
    columns = {
        "steps": steps.mean(dim=1),
        "stopped": (result.stopped == Stopped.ARRIVED).view(len(rows), -1).all(dim=1),
        "energy_start": result.energy_start.view(len(rows), -1).mean(dim=1),
        "energy_end": result.terms.total.view(len(rows), -1).mean(dim=1),
        "seconds": seconds * work / work.sum(),
    }
    for column, values in columns.items():
        for row, value in zip(rows, values.tolist(), strict=True):
            before = row.setdefault(f"{method}/{column}", 0.0 if column == "seconds" else value)
            if column == "seconds":
                row[f"{method}/seconds"] = float(before) + value


def columns_of(rows: Sequence[Row]) -> list[str]:
    """Names of the columns: path, defect, then those of each method, the baseline first."""
    held = dict.fromkeys(column for row in rows for column in row)
    methods = [column.removesuffix("/score") for column in held if column.endswith("/score")]
    return ["path", "defect", *(name for m in methods for c in COLUMNS if (name := f"{m}/{c}") in held)]


def tile_with_most_defect(regions: torch.Tensor, images: int) -> torch.Tensor:
    """(B·T, H, W) → (B,): the index of each image's tile with most defective pixels; 0 if none is known."""
    return (regions > 0).flatten(1).sum(dim=1).view(images, -1).argmax(dim=1)


def write_samples(folder: Path, rows: Sequence[Row]) -> Path:
    """`folder/samples.csv`, whole or not at all, in the order of the paths. Numbers have six digits."""
    ordered = sorted(rows, key=lambda row: str(row["path"]))
    text = io.StringIO()
    columns = columns_of(rows)
    csv.writer(text, lineterminator="\n").writerow(map(cell, columns))
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writerows({column: written(value) for column, value in row.items()} for row in ordered)
    write_whole(folder / SAMPLES, text.getvalue())
    return folder / SAMPLES


def written(value: str | float | bool) -> str:
    """A value as text: 31.0 → 31, True → yes. No text is a formula of a spreadsheet."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return cell(value) if isinstance(value, str) else f"{value:.6g}"
