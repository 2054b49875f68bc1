"""The paper's figures 1, 3, 6 and 8, from the panels in the folders of the records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from renormal.contracts import BASELINE
from renormal.report.charts import plain
from renormal.report.film import filmstrip, show, title_of
from renormal.report.former_names import CHOSEN
from renormal.report.gallery import DEFECT, MAPS, Panel, by_sample
from renormal.report.models import label, model_order
from renormal.report.origin import score_name
from renormal.report.record import Record, stem_of
from renormal.report.strips import cut, cut_panel, films_of, unreadable
from renormal.report.table import ordered_categories

THRESHOLD = 0.2  # of a DSSIM map, figure 3
FIGURE_3 = ("hazelnut", "grid", "cable", "wood", "carpet", "bottle")  # figure 6 has the others
FIGURE_1 = ("vae", "grid")  # the paper's model and category
GREEN, RED = (60, 220, 60), "#e61e28"
SIDES = 1.25, 2.2  # smallest and largest side of a picture in inches
WIDTH = 6.4  # of a figure in inches, where SIDES allows


class Example(NamedTuple):
    """The first normal and the first anomalous sample of a category, restored by one model."""

    model: str
    label: str
    category: str
    method: str
    normal: Image.Image | None
    pictures: dict[str, Image.Image]  # of the anomalous one: x0, f(x0), x_N
    maps: dict[str, Image.Image]
    limits: tuple[float, float]  # tops of the scales of both maps
    marks: tuple[float, float]  # their thresholds


def examples(records: Sequence[Record]) -> Iterator[Example]:
    """One for each (model, category) that has a panel of an anomalous sample; of several seeds the first."""
    jobs = {(record.model, record.category): record for record in reversed(records)}
    for _, record in sorted(jobs.items()):
        samples = by_sample([record], [])
        normal = next((panels[0] for (_, defect), panels in samples.items() if defect == "good"), None)
        anomalous = next((panels[0] for (_, defect), panels in samples.items() if defect != "good"), None)
        if anomalous is None or "f(x0)" not in anomalous.tiles:
            continue
        try:
            yield example(record, normal, anomalous)
        except ValueError as error:  # one broken panel must not prevent the other figures
            unreadable(error)


def example(record: Record, normal: Panel | None, anomalous: Panel) -> Example:
    pictures, maps = cut_panel(anomalous.strip, anomalous.tiles, anomalous.maps, MAPS)
    return Example(
        record.model,
        label(record),
        record.category,
        anomalous.method,
        cut(normal.strip, normal.tiles)["x0"] if normal else None,
        pictures,
        maps,
        anomalous.limits,
        (mark(record, BASELINE, anomalous.limits[0]), mark(record, anomalous.method, anomalous.limits[1])),
    )


def mark(record: Record, column: str, limit: float) -> float:
    """The threshold of a column's map: 0.2 of DSSIM, as in figure 3; else the one that normal images gave.

    limit: top of the scale, above which all values look the same. A record without that threshold has 0.2.
    """
    own = record.maps.get(column, {}).get("threshold", THRESHOLD)
    usual = score_name(record) == "dssim" and column not in CHOSEN and limit >= THRESHOLD
    return min(THRESHOLD if usual else own, limit)


def teaser_figure(found: Sequence[Example]) -> Figure:
    """A normal image, an anomalous one, its reconstruction and its projection (figure 1)."""
    model, category = FIGURE_1
    best = min(found, key=lambda item: (item.model != model, item.category != category))
    shown = {
        "normal": best.normal,
        "$x_0$": best.pictures["x0"],
        "$f(x_0)$": best.pictures["f(x0)"],
        f"$x_N$, {plain(best.method)}": best.pictures["x_N"],
    }
    figure = Figure(figsize=(4 * 1.6, 2.0), layout="constrained")
    figure.suptitle(plain(f"{best.label}, {best.category}"), x=0.01, ha="left", fontsize=9)
    for letter, axes, (name, picture) in zip("abcd", figure.subplots(1, 4), shown.items(), strict=True):
        show(axes, picture)
        axes.set_xlabel(f"({letter}) {name}", fontsize=8)
    return figure


def segmentation_figure(found: Sequence[Example], *, upright: bool) -> Figure:
    """Normal, anomalous, segmented by the baseline, segmented by the projection (figures 3 and 6).

    The true defect has a red contour; pixels of the map from 0.2 on are green, or from the threshold below the picture
    on. upright: one column per category, as in figure 3, else one row.
    """
    shape = (4, len(found)) if upright else (len(found), 4)
    side = min(SIDES[1], max(SIDES[0], WIDTH / shape[1]))
    figure = Figure(figsize=(side * shape[1] + 0.4, side * shape[0] + 0.3), layout="constrained")
    grid = figure.subplots(*shape, squeeze=False)
    first = found[0]
    rows = ("normal", "anomalous", plain(first.label), plain(f"{first.label}, {first.method}"))
    for axes_of, item in zip(grid.T if upright else grid, found, strict=True):
        x0, truth = item.pictures["x0"], np.asarray(item.maps["truth"]) == DEFECT
        segmented = map(partial(overlaid, x0), (item.maps[name] for name in MAPS[:2]), item.limits, item.marks)
        for axes, picture in zip(axes_of, (item.normal, x0, *segmented), strict=True):
            show(axes, picture)
        for axes, threshold in zip(axes_of[2:], item.marks, strict=True):
            if threshold != THRESHOLD:
                axes.set_xlabel(f"map ≥ {threshold:.2g}", fontsize=6)
            if truth.any():
                axes.contour(truth, levels=[0.5], colors=RED, linewidths=0.7)
        (axes_of[0].set_title if upright else axes_of[0].set_ylabel)(plain(item.category), fontsize=8)
    for index, name in enumerate(rows):
        (grid[index, 0].set_ylabel if upright else grid[0, index].set_title)(name, fontsize=8)
    return figure


def overlaid(x0: Image.Image, grey: Image.Image, limit: float, threshold: float) -> NDArray[np.uint8]:
    """x0 with the pixels in green where map ≥ threshold. grey: 255 · map / limit."""
    found = np.asarray(grey) >= round(255 * threshold / limit)
    pixels = np.asarray(x0.convert("RGB"))
    return np.where(found[..., None], (pixels * 0.45 + np.array(GREEN) * 0.55), pixels).astype(np.uint8)


def picture_figures(records: Sequence[Record]) -> Iterator[tuple[str, Figure]]:
    """(name, figure) of each figure that the records have panels for."""
    for record in records:
        for method, film in films_of(record):
            yield f"figure8-{stem_of(record, records)}-{method}", filmstrip(film, title_of(record, method))
    found = list(examples(records))
    if not found:
        return
    yield "figure1", teaser_figure(found)
    model = min((item.model for item in found), key=model_order)  # the paper's: L² AE
    own = {item.category: item for item in found if item.model == model}
    third = [own[category] for category in FIGURE_3 if category in own]
    order = ordered_categories({record.category: record.kind for record in records})
    sixth = [own[category] for category in order if category in own and category not in FIGURE_3]
    if third:
        yield "figure3", segmentation_figure(third, upright=True)
    if sixth:
        yield "figure6", segmentation_figure(sixth, upright=False)
