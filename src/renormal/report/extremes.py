"""Figures of the best and the worst test images of a job, ranked by the pixel AUROC of each image alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from renormal.report.charts import plain
from renormal.report.chosen import settings_text
from renormal.report.film import title_of
from renormal.report.former_names import CHOSEN
from renormal.report.gallery import DEFECT, MAPS, Panel, by_sample
from renormal.report.origin import score_name
from renormal.report.record import Record, stem_of
from renormal.report.strips import cut, cut_panel

COUNT = 10  # best images of a figure, and as many worst
LABELS = {"truth": "$x_0$, truth", "f(x0)": "$f(x_0)$", "x_N": "$x_N$", MAPS[1]: "map of $x_N$"}
SIDE = 0.95  # side of a picture in inches


class Ranked(NamedTuple):
    """A defective sample, its panel, and the AUROC of its own pixels."""

    path: str
    panel: Panel
    auroc: float


def extreme_figures(records: Sequence[Record]) -> Iterator[tuple[str, Figure]]:
    """(name, figure) for each job and projection with at least 2 · COUNT panels of defects (`test.panels`)."""
    for record in records:
        for method, found in ranked_by_method(record).items():
            if len(found) >= 2 * COUNT:
                name = f"extremes-{method}-{stem_of(record, records)}"
                title = f"{record.name}: {title_of(record, method)}"
                if method in CHOSEN and record.choice:
                    title += f": {settings_text(record.choice['chosen'], score_name(record))}"
                yield name, extremes_figure(found, title)


def ranked_by_method(record: Record) -> dict[str, list[Ranked]]:
    """Projection → its samples with an AUROC, the best first."""
    found: dict[str, list[Ranked]] = {}
    for (path, _), panels in by_sample([record], []).items():
        for panel in panels:
            auroc = panel_auroc(panel)
            if auroc is not None:
                found.setdefault(panel.method, []).append(Ranked(path, panel, auroc))
    return {method: sorted(items, key=lambda item: -item.auroc) for method, items in found.items()}


def panel_auroc(panel: Panel) -> float | None:
    """The pixel AUROC that the test measured; in older records, which do not hold it, that of the 8-bit map.

    None where all pixels are normal or all defective, or where a file is missing or unreadable.
    """
    try:
        _, maps = cut_panel(panel.strip, panel.tiles, panel.maps, MAPS)
    except ValueError:
        return None  # the page names the file
    if panel.auroc is not None:
        return panel.auroc
    scores, truth = (np.asarray(maps[name]) for name in MAPS[1:])
    negatives, positives = (np.bincount(scores[truth == kind], minlength=256) for kind in (0, DEFECT))
    if not negatives.sum() or not positives.sum():
        return None
    below = negatives.cumsum() - negatives / 2  # normal pixels below each level, plus half of those at it
    return float(positives @ below / (positives.sum() * negatives.sum()))


def extremes_figure(found: Sequence[Ranked], title: str) -> Figure:
    """The best samples above the worst. Rows: x0 with the truth, f(x0) if there is one, x_N, map of x_N."""
    rows = ["truth", *(["f(x0)"] if "f(x0)" in found[0].panel.tiles else []), "x_N", MAPS[1]]
    figure = Figure(figsize=(COUNT * SIDE + 0.6, 2 * (len(rows) * SIDE + 0.45) + 0.3), layout="constrained")
    figure.suptitle(plain(title), x=0.01, ha="left", fontsize=10)
    blocks = figure.subfigures(2, 1, squeeze=False)[:, 0]
    for block, items, noun in zip(blocks, (found[:COUNT], found[-COUNT:]), ("best", "worst"), strict=True):
        grid = block.subplots(len(rows), COUNT, squeeze=False)
        for column, item in enumerate(items):
            pictures = cut(item.panel.strip, item.panel.tiles)
            for line, row in enumerate(rows):
                show(grid[line][column], pictures[row])
            grid[0][column].set_title(f"{item.auroc:.3f}\n" + plain(short(item.path)).replace("/", "/\n"), fontsize=6)
        for line, row in enumerate(rows):
            grid[line][0].set_ylabel(f"{noun}\n{LABELS[row]}" if line == 0 else LABELS[row], fontsize=7)
    return figure


def show(axes: object, picture: Image.Image) -> None:
    axes.imshow(np.asarray(picture), interpolation="nearest")  # type: ignore[attr-defined]
    axes.set(xticks=[], yticks=[])  # type: ignore[attr-defined]
    axes.spines[:].set_visible(False)  # type: ignore[attr-defined]


def short(path: str) -> str:
    """bottle/test/broken_large/003.png → broken_large/003."""
    return "/".join(path.rsplit(".", 1)[0].split("/")[-2:])
