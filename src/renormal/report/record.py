"""The record of a job, which the report reads: `<model>/<category>/<seed>/record.json`, in outputs/ and results/."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from types import UnionType
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from renormal.files import RECORD, write_whole
from renormal.report.former_names import renewed

SCHEMA = 1
SCORES = "exact"  # data.scores: DSSIM and MSGMS were computed from the change itself; older records lack it
REGIONS = "drawn"  # data.regions: defects were counted in the masks as they are drawn; older records lack it


@dataclass(frozen=True, kw_only=True)
class Record:
    """One job (model, category, seed): its numbers, their origin, and the pictures in the folder of the record."""

    name: str
    model: str
    category: str
    kind: str  # "texture" or "object"
    seed: int
    metrics: dict[str, float]  # "baseline/pixel_auroc", "<projection>/<metric>"
    undefined: dict[str, str] = field(default_factory=dict)  # metric → why no column has it
    maps: dict[str, dict[str, float]] = field(default_factory=dict)  # column → top of its colour scale, threshold, …
    projections: dict[str, dict[str, float | None]] = field(default_factory=dict)  # threshold, steps_mean, seconds, …
    seconds: dict[str, float] = field(default_factory=dict)  # by stage
    training: dict[str, float | None] = field(default_factory=dict)  # images, steps, epochs, images_per_second, …
    data: dict[str, Any] = field(default_factory=dict)  # train_images, size, channels, bits, regions, note, …
    device: dict[str, Any] = field(default_factory=dict)  # name, threads, precision
    versions: dict[str, str] = field(default_factory=dict)
    commit: str = ""
    config: dict[str, Any] = field(default_factory=dict)  # resolved
    hashes: dict[str, str] = field(default_factory=dict)  # of the config's training and test parts
    # by projection: the metrics after each iteration, the number of samples by steps
    curves: dict[str, dict[str, Any]] = field(default_factory=dict)
    choice: dict[str, Any] = field(default_factory=dict)  # settings chosen on planted defects, and every trial
    panels: list[dict[str, str]] = field(default_factory=list)  # file (in the record's folder), tiles, path, defect, …
    schema: int = SCHEMA
    folder: Path | None = field(default=None, compare=False)  # that it was read from; not written


class Records(NamedTuple):
    """Every record below a folder, and one line for each file that could not be read."""

    records: list[Record]
    problems: list[str]


def write_record(folder: Path, record: Record) -> Path:
    """Write `folder/record.json`, whole or not at all. Raises ValueError for a record that could not be read again."""
    content = asdict(record)
    del content["folder"]
    content = portable(content)
    if fault := next(faults(content), None):
        raise ValueError(f"{folder / RECORD}: {fault}")
    write_whole(folder / RECORD, json.dumps(content, indent=1, ensure_ascii=False))
    return folder / RECORD


def portable(value: Any, where: str = "record") -> Any:
    """The same value for any machine: ~ for the home folder. Raises ValueError for a number that JSON cannot hold."""
    if isinstance(value, dict):
        return {str(key): portable(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [portable(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where} must be finite, got {value}")
    if isinstance(value, str | os.PathLike):
        home = re.escape(str(Path.home()))
        return re.sub(rf"(?<![\w/]){home}(?=/|$)", "~", str(value)) if len(home) > 1 else str(value)
    return value


def publish(folder: Path, record: Record, source: Path) -> Path:
    """Copy the record from below `source` to the same place below `folder`, without pictures and private paths.

    Returns the path of the copy. Raises ValueError for a record that was not read from a folder.
    """
    if record.folder is None:
        raise ValueError("only a record that was read from a folder can be published")
    place = folder / record.folder.relative_to(source)
    return write_record(place, replace(record, config=pathless(record.config), panels=[]))


def pathless(value: Any) -> Any:
    """The same value; of each absolute path only the last part."""
    if isinstance(value, dict):
        return {key: pathless(item) for key, item in value.items()}
    if isinstance(value, list):
        return [pathless(item) for item in value]
    return Path(value).name if isinstance(value, str) and value.startswith(("/", "~")) else value


def read_record(path: Path) -> Record:
    """Read and check one record.json. Raises ValueError with one line that names the file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: not a readable record ({error})") from error
    content = renewed(content) if isinstance(content, dict) else content
    if fault := next(faults(content), None):
        raise ValueError(f"{path}: {fault}")
    return replace(Record(**content), folder=path.parent)


def read_records(folder: Path) -> Records:
    """Read every record below the folder, sorted by model, category and seed."""
    records, problems = [], []
    for path in sorted(folder.rglob(RECORD)):
        try:
            records.append(read_record(path))
        except ValueError as error:
            problems.append(str(error))
    return Records(sorted(records, key=lambda record: (record.model, record.category, record.seed)), problems)


def stem_of(record: Record, records: Sequence[Record]) -> str:
    """model-category-seed, for file names; with the record's name where two records are of the same job."""
    job = (record.model, record.category, record.seed)
    same = [one for one in records if (one.model, one.category, one.seed) == job]
    name = f"-{record.name}".replace("/", "-") if len(same) > 1 else ""
    return f"{record.model}-{record.category}-{record.seed}{name}"


def faults(content: Any) -> Iterator[str]:
    """Why decoded JSON is not a record, one line per reason, the most important first."""
    if not isinstance(content, dict):
        yield f"a record is an object, got {type(content).__name__}"
        return
    if content.get("schema") != SCHEMA:
        yield f"schema {SCHEMA} expected, got {content.get('schema')!r}"
    types = get_type_hints(Record)
    required = {"name", "model", "category", "kind", "seed", "metrics"}
    known = {item.name for item in fields(Record)} - {"folder"}
    yield from (f"{key} is missing" for key in sorted(required - content.keys()))
    yield from (f"unknown field {key!r}" for key in sorted(content.keys() - known))
    for key in sorted(known & content.keys()):
        if not fits(content[key], types[key]):
            yield f"{key} has the wrong type: {str(content[key])[:60]!r} where {types[key]} is expected"


def fits(value: Any, hint: Any) -> bool:
    """Whether a decoded JSON value has the type that the annotation `hint` names."""
    if hint is Any:
        return True
    if isinstance(hint, UnionType):
        return any(fits(value, option) for option in get_args(hint))
    if get_origin(hint) is dict:
        return isinstance(value, dict) and all(fits(item, get_args(hint)[1]) for item in value.values())
    if get_origin(hint) is list:
        return isinstance(value, list) and all(fits(item, get_args(hint)[0]) for item in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(value, hint) and not isinstance(value, bool)
