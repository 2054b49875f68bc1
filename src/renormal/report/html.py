"""One self-contained page: the table, and per job its pictures, steps, times and settings."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from renormal.report.record import Record
from renormal.report.render import legend
from renormal.report.table import MODELS, Table, ordered_categories, ranked, words

SIDE = 192  # pixels of an embedded picture's longer side
QUALITY = 82  # WebP
OPEN_UP_TO = 6  # jobs: beyond that, only the first of each category starts unfolded


class Panel(NamedTuple):
    """One test sample: captions and pictures as data URIs, or why there are none."""

    path: str
    defect: str
    projection: str
    limit: str
    tiles: list[tuple[str, str]]
    problem: str


class Job(NamedTuple):
    """What the page says about one record."""

    record: Record
    label: str
    headline: str
    metrics: list[str]
    results: list[tuple[str, list[float | None]]]  # by method, in the order of `metrics`
    descents: list[str]  # what was measured of the projections
    facts: list[tuple[str, list[tuple[str, str]]]]
    panels: list[Panel]
    config: str


def write_page(path: Path, records: Sequence[Record], table: Table, problems: Sequence[str]) -> Path:
    """Write the page for records that were read from disk; their pictures are looked for beside them."""
    environment = Environment(
        loader=PackageLoader("renormal.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(brief=brief, words=words)
    spans = [(label, len(list(columns))) for label, columns in groupby(table.columns, key=lambda column: column.label)]
    groups = [(group, list(rows)) for group, rows in groupby(table.rows, key=lambda row: row.group)]
    page = environment.get_template("page.html.j2").render(
        title=" · ".join(dict.fromkeys(record.name for record in records)),
        table=table,
        spans=spans,
        groups=groups,
        legend=legend(table),
        problems=problems,
        categories=by_category(records, table.metric),
        unfold=len(records) <= OPEN_UP_TO,
    )
    path.write_text(page, encoding="utf-8")
    return path


def by_category(records: Sequence[Record], metric: str) -> list[tuple[str, list[Job]]]:
    """Jobs in the order of the table's rows and columns."""
    order = ordered_categories({record.category: record.kind for record in records})
    jobs = sorted(records, key=lambda item: (order.index(item.category), ranked(item.model, MODELS), item.seed))
    return [
        (category, [job(record, metric) for record in same])
        for category, same in groupby(jobs, key=lambda record: record.category)
    ]


def job(record: Record, metric: str) -> Job:
    keys = [key.partition("/") for key in record.metrics]
    metrics = list(dict.fromkeys(name for _, _, name in keys))
    methods = list(dict.fromkeys(method for method, _, _ in keys))
    results = [(method, [record.metrics.get(f"{method}/{name}") for name in metrics]) for method in methods]
    shown = [(method, record.metrics.get(f"{method}/{metric}")) for method in methods]
    return Job(
        record=record,
        label=MODELS.get(record.model, record.model),
        headline=" · ".join(f"{method} {value:.3f}" for method, value in shown if value is not None),
        metrics=metrics,
        results=results,
        descents=list(dict.fromkeys(key for stats in record.projections.values() for key in stats)),
        facts=facts(record),
        panels=[panel(record, entry) for entry in record.panels],
        config=json.dumps(record.config, indent=2, ensure_ascii=False),
    )


def facts(record: Record) -> list[tuple[str, list[tuple[str, str]]]]:
    """Named groups of (what, value); a group that the record leaves empty is not shown."""
    seconds = {stage: f"{brief(value)} s" for stage, value in record.seconds.items()}
    groups: dict[str, Mapping[str, Any]] = {
        "time": seconds,
        "training": record.training,
        "data": record.data,
        "device": record.device,
        "versions": {**record.versions, **({"commit": record.commit} if record.commit else {})},
        "hashes": record.hashes,
    }
    return [
        (name, [(words(key), brief(value)) for key, value in group.items()]) for name, group in groups.items() if group
    ]


def brief(value: Any) -> str:
    """A number with the digits that a reader can use."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)


def panel(record: Record, entry: Mapping[str, str]) -> Panel:
    tiles, problem = [], ""
    try:
        tiles = cut(picture_path(record, entry["file"]), entry.get("tiles", ""))
    except (OSError, KeyError, ValueError) as error:
        problem = f"no picture: {error}"
    path, defect, projection, limit = (entry.get(key, "") for key in ("path", "defect", "projection", "limit"))
    return Panel(path, defect, projection, limit, tiles, problem)


def picture_path(record: Record, file: str) -> Path:
    """The picture beside the record. Raises ValueError for one elsewhere."""
    folder = (record.folder or Path()).resolve()
    path = (folder / file).resolve()
    if not path.is_relative_to(folder):
        raise ValueError(f"{file} does not lie beside the record")
    if not path.is_file():
        raise ValueError(f"{file} is missing")
    return path


def cut(path: Path, captions: str) -> list[tuple[str, str]]:
    """A strip as its captioned pictures."""
    names = [caption.strip() for caption in captions.split("|")]
    with Image.open(path) as strip:
        width = strip.width // len(names)
        boxes = [(index * width, 0, (index + 1) * width, strip.height) for index in range(len(names))]
        return [(name, embedded(strip.crop(box))) for name, box in zip(names, boxes, strict=True)]


def embedded(picture: Image.Image) -> str:
    """A small WebP as a data URI."""
    small = picture.convert("RGB")
    small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
