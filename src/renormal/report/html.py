"""The page, one HTML file: progress of the sweep, table, pictures and charts per category, numbers per job."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib import colormaps

from renormal.contracts import BASELINE, IMAGE_RECALL, RECALL
from renormal.files import whole_file
from renormal.report import chosen
from renormal.report.called import NAMED, Called, called
from renormal.report.charts import curve_chart, steps_chart
from renormal.report.clearest import clearest
from renormal.report.costs import costs
from renormal.report.decisions import Decided, decided
from renormal.report.gallery import Gallery, galleries
from renormal.report.logged import warnings
from renormal.report.models import label, model_order
from renormal.report.record import Record, pathless
from renormal.report.render import legend
from renormal.report.scales import Scale, scale_of
from renormal.report.settings import differences
from renormal.report.sheets import PLANTED, sheets
from renormal.report.status import STATES, Status, private
from renormal.report.table import Table, ordered_categories
from renormal.report.templates import brief, encoded, environment
from renormal.report.words import word

OPEN_UP_TO = 6  # jobs; with more, the numbers of each job are folded at first
SLOPE = 128  # of a mark's opacity below the threshold: nothing is marked two of 255 grey levels below it


class Results(NamedTuple):
    """Some metrics of a record."""

    metrics: list[str]
    rows: list[tuple[str, list[float | None]]]  # by method, in the order of `metrics`


class Job(NamedTuple):
    """What the page shows of one record."""

    record: Record
    label: str
    headline: str
    tables: list[Results]
    descents: list[str]  # names of the numbers measured per projection
    facts: list[tuple[str, list[tuple[str, str]]]]
    config: str
    sheets: list[tuple[str, str]]  # caption and picture
    decided: Decided | None


class Category(NamedTuple):
    """What the page shows of one category."""

    name: str
    gallery: Gallery
    scale: Scale
    charts: list[str]
    jobs: list[Job]


def write_page(
    path: Path, records: Sequence[Record], table: Table, status: Status, problems: Sequence[str], *, home: Path
) -> Path:
    """Write the page of records that were read from `home`, with the pictures in their folders. Returns `path`."""
    spans = [(label, len(list(columns))) for label, columns in groupby(table.columns, key=lambda column: column.label)]
    groups = [(group, list(rows)) for group, rows in groupby(table.rows, key=lambda row: row.group)]
    gains = chosen.gains(records, table.metric)
    categories = by_category(records, table.metric)
    decisions = [] if table.columns else called_of(categories)
    template = environment().get_template("page.html.j2")
    page = template.render(
        title=" · ".join(dict.fromkeys(record.name for record in records)) or home.resolve().name,
        status=status,
        states=[(state, status.of(state)) for state in STATES],
        table=table,
        spans=spans,
        groups=groups,
        legend=legend(table),
        problems=[private(problem.replace(f"{home}/", "")) for problem in problems],
        costs=costs(records),
        differences=differences(records),
        called=decisions,
        named=NAMED,
        warned=warnings(records[0]) if len(records) == 1 and not decisions else [],
        planted=PLANTED,
        chosen=gains,
        chosen_table=chosen.filled(gains),
        clearest=clearest(grouped(records), table.metric),
        categories=categories,
        baseline=BASELINE,
        unfold=not decisions and len(records) <= OPEN_UP_TO,
        slope=SLOPE,
        inferno=inferno(),
    )
    with whole_file(path) as file:
        file.write(encoded(page))
    return path


def inferno() -> dict[str, str]:
    """matplotlib's inferno as tables of an SVG filter, exact to about one of 255 levels."""
    colours = colormaps["inferno"](range(0, 256, 15))
    return {
        name: " ".join(f"{value:.3f}" for value in colours[:, index])
        for index, name in enumerate(("red", "green", "blue"))
    }


def grouped(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Category → its jobs, in the order of the table's rows and columns."""
    order = ordered_categories({record.category: record.kind for record in records})
    jobs = sorted(records, key=lambda item: (order.index(item.category), model_order(item.model), item.seed))
    return {name: list(same) for name, same in groupby(jobs, key=lambda record: record.category)}


def by_category(records: Sequence[Record], metric: str) -> list[Category]:
    """One entry per category, in the order of the table's rows; its jobs in the order of the columns."""
    split = grouped(records)
    pictures = galleries(split)
    jobs = {name: [job_of(record, metric) for record in same] for name, same in split.items()}
    return [
        Category(
            name,
            pictures[name],
            scale_of(pictures[name]),
            [chart for chart in (curve_chart(same, metric), steps_chart(same)) if chart],
            jobs[name],
        )
        for name, same in split.items()
    ]


def called_of(categories: Sequence[Category]) -> list[Called]:
    """How each job decides on the good photographs of its test."""
    jobs = [job for one in categories for job in one.jobs]
    return [called(job.record, job.decided, dict(job.sheets).get(PLANTED, "")) for job in jobs if job.decided]


def job_of(record: Record, metric: str) -> Job:
    methods = list(dict.fromkeys(key.partition("/")[0] for key in record.metrics))
    shown = [(method, record.metrics.get(f"{method}/{metric}")) for method in methods]
    return Job(
        record=record,
        label=label(record),
        headline=" · ".join(f"{method} {value:.3f}" for method, value in shown if value is not None),
        tables=results(record, methods),
        descents=list(dict.fromkeys(key for stats in record.projections.values() for key in stats)),
        facts=facts(record),
        config=json.dumps(pathless(record.config), indent=2, ensure_ascii=False) if record.config else "",
        sheets=sheets(record),
        decided=decided(record),
    )


def results(record: Record, methods: Sequence[str]) -> list[Results]:
    """The metrics of the whole test, and the recalls of each kind of defect, pixels first."""
    names = list(dict.fromkeys(key.partition("/")[2] for key in record.metrics))
    recalls = [[name for name in names if name.startswith(prefix)] for prefix in (RECALL, IMAGE_RECALL)]
    whole = [name for name in names if not name.startswith((RECALL, IMAGE_RECALL))]
    return [
        Results(own, [(method, [record.metrics.get(f"{method}/{name}") for name in own]) for method in methods])
        for own in (whole, *recalls)
        if own
    ]


def facts(record: Record) -> list[tuple[str, list[tuple[str, str]]]]:
    """Named groups of (key, value). A group that is empty in the record is left out."""
    groups: dict[str, Mapping[str, Any]] = {
        "time": {stage: f"{brief(value)} s" for stage, value in record.seconds.items()},
        "training": record.training,
        "data": record.data,
        "device": record.device,
        "versions": {**record.versions, **({"commit": record.commit} if record.commit else {})},
        "hashes": record.hashes,
    }
    return [
        (name, [(word(key), brief(value)) for key, value in group.items() if value != "" and key != "examination"])
        for name, group in groups.items()
        if group
    ]
