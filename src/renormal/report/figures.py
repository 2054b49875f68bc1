"""The paper's figures from records, as PNG and PDF. Curves are drawn here, pictures in pictures.py."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import chain, cycle
from pathlib import Path

from matplotlib.figure import Figure

from renormal.console.text import readable
from renormal.contracts import BASELINE
from renormal.files import check_no_link, whole_file
from renormal.report.charts import curves, drawn, plain, values_of
from renormal.report.columns import Column, further_scores, paper_numbers, searches
from renormal.report.extremes import extreme_figures
from renormal.report.film import title_of, write_animation
from renormal.report.models import label, paper_names
from renormal.report.pictures import picture_figures
from renormal.report.record import Record, stem_of
from renormal.report.repairs import repair_figures
from renormal.report.strips import films_of
from renormal.report.table import PAPER_METRIC

PAPER_IMAGES = 3_000_000  # section 4.1: 300 epochs of 10 000
SIZE = (6.4, 3.4)  # inches: one text column and the legend
LONGEST = 60  # characters of a file's name, which may have four bytes each
COLOURS = ("#1f6f8b", "#c8553d", "#588157", "#7d5ba6", "#b08900", "#5c677d")


def style_axes(figure: Figure, *, x: str, y: str, title: str) -> None:
    """Label the axes and draw them without a box, with a light grid, and with a legend where lines have labels."""
    axes = figure.gca()
    axes.set(xlabel=x, ylabel=plain(y))
    axes.set_title(plain(title), loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dddddd", linewidth=0.6)
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside right upper", frameon=False, fontsize=9)  # outside: it must not cover lines


def iteration_figure(record: Record, metric: str = "pixel_auroc") -> Figure:
    """The metric on the test set after each iteration, one line per projection (figure 5).

    A curve has one value per iteration, the first after update 1, or names its iterations under "iterations".
    """
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.add_subplot()
    lines, remark = drawn([line for line in curves([record]) if values_of(line[2], metric)])
    for colour, (_, method, curve) in zip(cycle(COLOURS), lines, strict=False):
        iterations = curve.get("iterations") or range(1, len(curve[metric]) + 1)
        axes.plot(iterations, curve[metric], color=colour, label=plain(with_step_size(record, method)))
    baseline = record.metrics.get(f"baseline/{metric}")
    if baseline is not None:
        axes.axhline(baseline, color="#888888", linestyle=":", linewidth=1, label="baseline f(x0)")
    title = ", ".join(filter(None, [label(record), record.category, remark]))
    style_axes(figure, x="iteration", y=readable(metric), title=title)
    return figure


def with_step_size(record: Record, method: str) -> str:
    """Label of a projection: eq5_0_2 with α = 0.2 → "eq5, α = 0.2"."""
    step_size = record.config.get("projections", {}).get(method, {}).get("step_size")
    if step_size is None:
        return method
    return f"{method.removesuffix('_' + f'{step_size:g}'.replace('.', '_'))}, α = {step_size:g}"


def budget_figure(records: Sequence[Record], metric: str = "pixel_auroc") -> Figure:
    """The metric by number of training images, one line per job and method; baselines dashed, stars from the paper."""
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.add_subplot()
    lines = budget_lines(records, metric)
    jobs = list(dict.fromkeys(job for job, _ in lines))
    for (job, method), points in lines.items():
        colour = COLOURS[jobs.index(job) % len(COLOURS)]
        style = "--" if method == "baseline" else "-"
        budgets, values = zip(*sorted(points), strict=True)
        axes.plot(budgets, values, style, color=colour, marker=".", label=plain(f"{job}, {method}"))
    published = {line: value for line, value in paper_points(records, metric).items() if line in lines}
    for (job, method), value in published.items():
        colour = COLOURS[jobs.index(job) % len(COLOURS)]
        face = "white" if method == BASELINE else colour
        axes.plot(PAPER_IMAGES, value, "*", color=colour, markerfacecolor=face, markersize=9)
    if published:
        axes.plot([], [], "*", color="#444444", markersize=9, label="the paper")
        axes.plot([], [], "*", color="#444444", markerfacecolor="white", markersize=9, label="the paper's baseline")
    axes.set_xscale("log")
    style_axes(figure, x="training images", y=readable(metric), title="training budget")
    return figure


def budget_lines(records: Iterable[Record], metric: str) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """(job, method) → (training images, value) of each budget, for jobs trained with at least two budgets."""
    lines: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for record in records:
        images = record.training.get("images")
        job = f"{label(record)} {record.category}"
        for key, value in record.metrics.items():
            method, _, name = key.partition("/")
            if images and images > 0 and name == metric:
                lines.setdefault((job, method), []).append((images, value))
    return {line: points for line, points in lines.items() if len({images for images, _ in points}) > 1}


def paper_points(records: Sequence[Record], metric: str) -> dict[tuple[str, str], float]:
    """(job, method) → the paper's number, for jobs on MVTec AD."""
    if metric != PAPER_METRIC:
        return {}
    photographed = [record for record in records if record.config.get("data", {}).get("name") == "mvtec"]
    jobs = {(record.category, record.model) for record in photographed}
    methods = {key.partition("/")[0] for record in records for key in record.metrics}
    columns = {Column(record.model, method, label(record)) for record in photographed for method in methods}
    published = paper_numbers(columns - searches(records), paper_names(records), further_scores(records))
    return {
        (f"{column.label} {category}", column.method): value
        for (category, column), value in published.items()
        if (category, column.model) in jobs
    }


def file_name(name: str) -> str:
    """A name for a file in the folder: what is no letter or digit, as the / of a category, becomes -."""
    short = re.sub(r"[^\w.=,+()-]+", "-", name)
    return short if len(short) <= LONGEST else f"{short[:LONGEST]}-{sha256(name.encode()).hexdigest()[:8]}"


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write `stem`.png and `stem`.pdf, without a date: equal figures give equal files. Returns both paths."""
    png, pdf = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.pdf")
    with whole_file(png) as file:
        figure.savefig(file, dpi=200, format="png")
    with whole_file(pdf) as file:
        figure.savefig(file, metadata={"CreationDate": None}, format="pdf")
    return [png, pdf]


def write_figures(folder: Path, records: Sequence[Record], metric: str) -> list[Path]:
    """Write every figure that the records have numbers or pictures for. Returns the paths."""
    check_no_link(folder)
    drawn = chain(picture_figures(records), extreme_figures(records), repair_figures(records))
    written = [path for name, figure in drawn for path in save(figure, folder / file_name(name))]
    for record in records:
        for method, film in films_of(record):
            path = folder / f"{file_name(f'figure8-{stem_of(record, records)}-{method}')}.webp"
            written.append(write_animation(path, film, title_of(record, method)))
        if any(values_of(curve, metric) for curve in record.curves.values()):
            name = file_name(f"figure5-{stem_of(record, records)}")
            written += save(iteration_figure(record, metric), folder / name)
    if budget_lines(records, metric):
        written += save(budget_figure(records, metric), folder / "budget")
    return written
