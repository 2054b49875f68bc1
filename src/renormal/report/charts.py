"""Charts of the page: SVG by matplotlib, with the font and the light and dark colours of the page."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from numpy.typing import NDArray

from renormal.console.text import readable
from renormal.report.models import label, model_order
from renormal.report.record import Record

SIZE = (4.6, 3.4)  # inches, 72 units each: on a phone its text is as large as the page's
INK, GRID = "#010203", "#010204"  # placeholders of currentColor and --line
COLOURS = ("#1f6f8b", "#c8553d", "#588157", "#7d5ba6", "#b08900", "#5c677d")  # placeholders of --chart-0 …
PAGE_COLOURS = {
    INK: "currentColor",
    GRID: "var(--line)",
    **{colour: f"var(--chart-{index})" for index, colour in enumerate(COLOURS)},
}
STYLES = ("-", "--", ":", "-.")
MOST = 24  # projections in a chart, ours: with more nobody tells them apart, and the layout takes minutes
BINS = 50  # of a histogram, at most
ROW = 0.34  # height of a histogram in inches
STYLE: Any = {  # rcParams
    "svg.fonttype": "none",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GRID,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": GRID,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def curve_chart(records: Sequence[Record], metric: str) -> str | None:
    """The metric on the test set after each iteration: one line per job and projection. None without any curve."""
    lines, remark = drawn([line for line in curves(records) if values_of(line[2], metric)])
    if not lines:
        return None
    with rc_context(STYLE):
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.add_subplot(xlabel="iteration", ylabel=plain(readable(metric)))
        for record, method, curve in lines:
            values = curve[metric]
            places = curve.get("iterations") or range(1, len(values) + 1)
            axes.plot(places, values, **line_style(records, lines, record, method))
        figure.legend(loc="outside lower center", ncols=2, fontsize=8, handlelength=2.4, title=remark)
        title = f"{readable(metric)} after each iteration, {records[0].category}"
        return inline(figure, title)


def steps_chart(records: Sequence[Record]) -> str | None:
    """Samples by number of updates: one histogram per model and projection, over all seeds, scaled to its highest bar.

    None where no record has these counts, and where each projection makes as many updates on every sample.
    """
    labels = {record.model: label(record) for record in records}
    counts: dict[tuple[str, str], NDArray[np.float64]] = {}
    lines, remark = drawn([line for line in curves(records) if line[2].get("steps")])
    if all(np.count_nonzero(curve["steps"]) <= 1 for *_, curve in lines):
        return None
    top = max(len(curve["steps"]) for *_, curve in lines)
    for record, method, curve in lines:
        padded = np.pad(np.asarray(curve["steps"], dtype=float), (0, top - len(curve["steps"])))
        counts[record.model, method] = counts.get((record.model, method), 0.0) + padded
    edges = np.arange(0, top + BINS, -(-top // BINS)) - 0.5
    with rc_context(STYLE):
        figure = Figure(figsize=(SIZE[0], 0.6 + ROW * len(counts)), layout="constrained")
        rows = figure.subplots(len(counts), sharex=True, squeeze=False)[:, 0]
        for axes, ((model, method), total) in zip(rows, counts.items(), strict=True):
            heights, _ = np.histogram(np.arange(top), edges, weights=total)
            axes.stairs(heights / heights.max(), edges, fill=True, color=colour(records, model))
            axes.set(yticks=[], ylim=(0, 1.08), xlim=(-0.5, top - 0.5))
            axes.set_ylabel(plain(f"{labels[model]} {method}"), rotation=0, ha="right", va="center", fontsize=8)
            axes.tick_params(bottom=axes is rows[-1])
        rows[-1].set_xlabel(f"updates; {remark}" if remark else "updates")
        return inline(figure, f"Samples by number of updates, {records[0].category}")


def values_of(curve: Mapping[str, Any], metric: str) -> list[float]:
    """The metric after each iteration; empty where the curve has none."""
    values = curve.get(metric)
    return values if isinstance(values, list) and metric not in ("columns", "rows") else []


def plain(text: str) -> str:
    """Text in which matplotlib finds no formula."""
    return text.replace("$", r"\$")


Line = tuple[Record, str, dict[str, list[float]]]  # the record, the projection, its values by metric


def curves(records: Sequence[Record]) -> Iterator[Line]:
    """One line per job and projection, in the order of the table's models, then by seed."""
    for record in sorted(records, key=lambda record: (model_order(record.model), record.seed)):
        for method, curve in record.curves.items():
            yield record, method, curve


def drawn(lines: Sequence[Line]) -> tuple[list[Line], str | None]:
    """The lines of the first MOST projections, and a remark where there are more of them."""
    pairs = list(dict.fromkeys((record.model, method) for record, method, _ in lines))
    kept = {*pairs[:MOST]}
    remark = f"the first {MOST} of {len(pairs)} projections" if len(pairs) > MOST else None
    return [line for line in lines if (line[0].model, line[1]) in kept], remark


def line_style(records: Sequence[Record], lines: Sequence[Line], record: Record, method: str) -> dict[str, Any]:
    """matplotlib's settings of a line: one colour per model, one dash per projection, one label for all seeds."""
    methods = list(dict.fromkeys(name for _, name, _ in lines))
    first = min(item.seed for item, *_ in lines if item.model == record.model)
    return {
        "color": colour(records, record.model),
        "linestyle": STYLES[methods.index(method) % len(STYLES)],
        "linewidth": 1.4,
        "label": plain(f"{label(record)} {method}") if record.seed == first else "_",
    }


def colour(records: Sequence[Record], model: str) -> str:
    """The same model has the same colour in all charts of these records."""
    models = sorted({record.model for record in records}, key=model_order)
    return COLOURS[models.index(model) % len(COLOURS)]


def inline(figure: Figure, title: str) -> str:
    """The figure as an <svg> element in the page's font and colours. Its ids are unique: made from the title."""
    text = io.StringIO()
    with rc_context({"svg.hashsalt": title}):
        figure.savefig(
            text, format="svg", transparent=True, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
        )
    svg = text.getvalue()[text.getvalue().index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|font-family: [^;]*; ", "", svg, flags=re.DOTALL)
    svg = re.sub(r' id="(?![mp][0-9a-f]{8,}")[^"]*"', "", svg)  # ids of groups: not unique, and nothing refers to them
    svg = re.sub(r"<[^>]*>", lambda tag: re.sub(r"(\d\.\d\d)\d+", r"\1", tag[0]), svg)  # not the numbers of a scale
    for place, name in PAGE_COLOURS.items():
        svg = svg.replace(place, name)
    view = re.search(r'viewBox="[^"]*"', svg)
    assert view is not None
    head = f'<svg class="chart" {view.group()} role="img" aria-label="{html.escape(title)}">'
    return " ".join((head + svg[svg.index(">") + 1 :]).split())
