"""The paper's figures of pictures, from the panels beside the records: 1, 3, 6 and 8."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from renormal.report.gallery import DEFECT, MAPS, Panel, by_sample, cut, picture_path
from renormal.report.record import Record
from renormal.report.table import MODELS, ordered_categories, ranked

THRESHOLD = 0.2  # of the map, figure 3
FIGURE_3 = ("hazelnut", "grid", "cable", "wood", "carpet", "bottle")  # its columns; figure 6 has the others
FIGURE_1 = ("vae", "grid")  # what it shows
GREEN, RED = (60, 220, 60), "#e61e28"
SIDE = 1.25  # inches of a picture


class Example(NamedTuple):
    """A category's first normal and first anomalous sample, in one model."""

    model: str
    category: str
    method: str
    normal: Image.Image | None
    pictures: dict[str, Image.Image]  # of the anomalous one: x0, f(x0), x_N
    maps: dict[str, Image.Image]
    limit: float


def examples(records: Sequence[Record]) -> Iterator[Example]:
    """One for each (model, category) that has a panel of an anomalous sample; of several seeds the first."""
    jobs = {(record.model, record.category): record for record in reversed(records)}
    for (model, category), record in sorted(jobs.items()):
        samples = by_sample([record], [])
        normal = next((panels[0] for (_, defect), panels in samples.items() if defect == "good"), None)
        anomalous = next((panels[0] for (_, defect), panels in samples.items() if defect != "good"), None)
        if anomalous is None:
            continue
        try:
            yield example(model, category, normal, anomalous)
        except (OSError, ValueError) as error:  # the other figures, and the page, are written all the same
            print(f"unreadable: {anomalous.strip}: {error}", file=sys.stderr)


def example(model: str, category: str, normal: Panel | None, anomalous: Panel) -> Example:
    return Example(
        model,
        category,
        anomalous.method,
        cut(normal.strip, normal.tiles)["x0"] if normal else None,
        cut(anomalous.strip, anomalous.tiles),
        cut(anomalous.maps, MAPS),
        anomalous.limit,
    )


def teaser_figure(found: Sequence[Example]) -> Figure:
    """A normal image, an anomalous one, its reconstruction and its projection (figure 1)."""
    model, category = FIGURE_1
    best = min(found, key=lambda item: (item.model != model, item.category != category))
    shown = {
        "normal": best.normal,
        "$x_0$": best.pictures["x0"],
        "$f(x_0)$": best.pictures["f(x0)"],
        f"$x_N$, {best.method}": best.pictures["x_N"],
    }
    figure = Figure(figsize=(4 * 1.6, 2.0), layout="constrained")
    figure.suptitle(f"{MODELS.get(best.model, best.model)}, {best.category}", x=0.01, ha="left", fontsize=9)
    for letter, axes, (name, picture) in zip("abcd", figure.subplots(1, 4), shown.items(), strict=True):
        show(axes, picture)
        axes.set_xlabel(f"({letter}) {name}", fontsize=8)
    return figure


def segmentation_figure(found: Sequence[Example], *, upright: bool) -> Figure:
    """Normal, anomalous, segmented by the baseline, segmented by the projection (figures 3 and 6).

    The truth is a red contour and what the map has from 0.2 on is green. upright: a column for each category, as in
    figure 3, otherwise a row.
    """
    shape = (4, len(found)) if upright else (len(found), 4)
    figure = Figure(figsize=(SIDE * shape[1] + 0.6, SIDE * shape[0] + 0.3), layout="constrained")
    grid = figure.subplots(*shape, squeeze=False)
    label = MODELS.get(found[0].model, found[0].model)
    rows = ("normal", "anomalous", label, f"{label}, {found[0].method}")
    for axes_of, item in zip(grid.T if upright else grid, found, strict=True):
        x0, truth = item.pictures["x0"], np.asarray(item.maps["truth"]) == DEFECT
        segmented = (overlaid(x0, item.maps[name], item.limit) for name in MAPS[:2])
        for axes, picture in zip(axes_of, (item.normal, x0, *segmented), strict=True):
            show(axes, picture)
        for axes in axes_of[2:]:
            if truth.any():
                axes.contour(truth, levels=[0.5], colors=RED, linewidths=0.7)
        (axes_of[0].set_title if upright else axes_of[0].set_ylabel)(item.category, fontsize=8)
    for index, name in enumerate(rows):
        (grid[index, 0].set_ylabel if upright else grid[0, index].set_title)(name, fontsize=8)
    return figure


def path_figure(record: Record, method: str) -> Figure | None:
    """x_t above f(x_t), iteration by iteration, until they look alike (figure 8); None where the strip is missing."""
    path = record.curves[method].get("path")
    if not path or not (record.folder and (record.folder / path["file"]).is_file()):
        return None
    iterations = path["iterations"]
    with Image.open(picture_path(record, path["file"])) as strip:
        columns = [np.split(column, 2) for column in np.split(np.asarray(strip), len(iterations), axis=1)]
    figure = Figure(figsize=(SIDE * len(columns) + 0.6, 2 * SIDE + 0.6), layout="constrained")
    label = MODELS.get(record.model, record.model)
    figure.suptitle(f"{label}, {record.category}, {method}", x=0.01, ha="left", fontsize=9)
    grid = figure.subplots(2, len(columns), squeeze=False)
    for axes_of, column, t in zip(grid.T, columns, iterations, strict=True):
        for axes, picture in zip(axes_of, column, strict=True):
            show(axes, picture)
        axes_of[0].set_title(f"$t = {t}$", fontsize=8)
    grid[0, 0].set_ylabel("$x_t$", fontsize=9)
    grid[1, 0].set_ylabel("$f(x_t)$", fontsize=9)
    return figure


def overlaid(x0: Image.Image, grey: Image.Image, limit: float) -> NDArray[np.uint8]:
    """x0 with what the map has from the threshold on in green."""
    found = np.asarray(grey) >= round(255 * min(1.0, THRESHOLD / limit))
    pixels = np.asarray(x0.convert("RGB"))
    return np.where(found[..., None], (pixels * 0.45 + np.array(GREEN) * 0.55), pixels).astype(np.uint8)


def show(axes: Axes, picture: Image.Image | NDArray[np.uint8] | None) -> None:
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    if picture is not None:
        axes.imshow(np.asarray(picture.convert("RGB") if isinstance(picture, Image.Image) else picture))


def picture_figures(records: Sequence[Record]) -> Iterator[tuple[str, Figure]]:
    """(name, figure) for each that the panels suffice for."""
    for record in records:
        for method in record.curves:
            if figure := path_figure(record, method):
                yield f"figure8-{record.model}-{record.category}-{record.seed}-{method}", figure
    found = list(examples(records))
    if not found:
        return
    yield "figure1", teaser_figure(found)
    model = min((item.model for item in found), key=lambda name: (ranked(name, MODELS), name))  # the paper's: L² AE
    own = {item.category: item for item in found if item.model == model}
    third = [own[category] for category in FIGURE_3 if category in own]
    order = ordered_categories({record.category: record.kind for record in records})
    sixth = [own[category] for category in order if category in own and category not in FIGURE_3]
    if third:
        yield "figure3", segmentation_figure(third, upright=True)
    if sixth:
        yield "figure6", segmentation_figure(sixth, upright=False)
