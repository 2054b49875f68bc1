"""The record of a job, which the report reads: `<model>/<category>/<seed>/record.json`, in outputs/ and results/."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from renormal.console.text import HIDDEN, is_secret, without_secrets
from renormal.files import RECORD, TargetError, check_no_link, read_json, write_whole
from renormal.report.former_names import renewed
from renormal.report.typed import without_paths

SCHEMA = 1
SCORES = "exact"  # data.scores: DSSIM and MSGMS were computed from the change itself; older records lack it
REGIONS = "drawn"  # data.regions: defects were counted in the masks as they are drawn; older records lack it
LEVELS, NAMED = 4, 3  # ours: folders below each other in which a job is looked for, and jobs that a line names


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
    command: dict[str, str] = field(default_factory=dict)  # overrides as they were typed, by key; older records lack it
    config: dict[str, Any] = field(default_factory=dict)  # resolved
    hashes: dict[str, str] = field(default_factory=dict)  # of training, test, data and weights
    # by projection: the metrics after each iteration, the number of samples by steps
    curves: dict[str, dict[str, Any]] = field(default_factory=dict)
    choice: dict[str, Any] = field(default_factory=dict)  # settings chosen on planted defects, and every trial
    # what a new photograph is inspected with: thresholds, scales of scores, scores of good images; without a test empty
    inspection: dict[str, Any] = field(default_factory=dict)
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
    check(content, folder / RECORD)
    write_whole(folder / RECORD, text_of(content))
    return folder / RECORD


def text_of(content: Mapping[str, Any]) -> str:
    """JSON with a value on each line. The counts of fitted scores, up to a million numbers, stand on one line."""
    inspection = content["inspection"]
    if not any(network["scores"] for network in inspection.get("networks", [])):
        return json.dumps(content, indent=1, ensure_ascii=False)
    spread = json.dumps({**content, "inspection": None}, indent=1, ensure_ascii=False)
    return spread.replace('\n "inspection": null', f'\n "inspection": {json.dumps(inspection, ensure_ascii=False)}', 1)


def portable(value: Any, where: str = "record") -> Any:
    """The same value for any machine: ~ for the home folder, … for passwords and tokens.

    Raises ValueError for a number that JSON cannot hold.
    """
    if isinstance(value, dict):
        return {
            str(key): HIDDEN if item and is_secret(str(key)) else portable(item, f"{where}.{key}")
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [portable(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where} must be finite, got {value}")
    if isinstance(value, str | os.PathLike):
        home, text = re.escape(str(Path.home())), without_secrets(str(value))
        return re.sub(rf"(?<![\w/]){home}(?=/|$)", "~", text) if len(home) > 1 else text
    return value


def publish(folder: Path, record: Record, source: Path) -> Path:
    """Copy the record from below `source` to the same place below `folder`.

    Without pictures, private paths and counts of fitted scores. Returns the path of the copy.
    Raises ValueError for a record that was not read from a folder.
    """
    if record.folder is None:
        raise ValueError("only a record that was read from a folder can be published")
    inside = record.folder.relative_to(source)
    for part in (inside, *inside.parents):
        check_no_link(folder / part)
    if (folder / inside).exists() and (folder / inside).samefile(record.folder):
        raise TargetError(f"{folder / inside / RECORD} is the record itself: publish to another folder")
    shared = {"config": pathless(record.config), "command": without_paths(record.command)}
    return write_record(folder / inside, replace(record, inspection=uncounted(record.inspection), panels=[], **shared))


def uncounted(inspection: Mapping[str, Any]) -> dict[str, Any]:
    """Without the megabytes of counts of fitted scores: they serve new images, which need the weights, too."""
    networks = [{**one, "scores": {}} for one in inspection.get("networks", [])]
    return {**inspection, **({"networks": networks} if networks else {})}


def pathless(value: Any) -> Any:
    """The same value; of each absolute path only the last part, and … for passwords and tokens."""
    if isinstance(value, dict):
        return {key: HIDDEN if item and is_secret(str(key)) else pathless(item) for key, item in value.items()}
    if isinstance(value, list):
        return [pathless(item) for item in value]
    if not isinstance(value, str):
        return value
    return Path(value).name if value.startswith(("/", "~")) else without_secrets(value)


def read_record(path: Path) -> Record:
    """Read and check one record.json. Raises ValueError with one line that names the file."""
    try:
        content = read_json(path)
    except FileNotFoundError as error:
        raise ValueError(f"{path}: does not exist{_jobs_below(path.parent)}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: a record is an object, got {type(content).__name__}")
    today = renewed(content)
    if len(today) < len(content):
        raise ValueError(f"{path}: a field stands twice, under its former name and under today's")
    check(today, path)
    return replace(Record(**without_passwords(today)), folder=path.parent)


def _jobs_below(folder: Path) -> str:
    """What to name in place of a folder above jobs: outputs/NAME, say."""
    levels = (sorted(folder.glob("*/" * level + RECORD)) for level in range(1, LEVELS + 1))
    found = [str(path.parent) for path in next(filter(None, levels), [])]
    if not found:
        return ""
    more = f" or {len(found) - NAMED} more" if len(found) > NAMED else ""
    count = "1 job" if len(found) == 1 else f"{len(found)} jobs"
    return f", but {folder} holds {count}: name one of them, as {', '.join(found[:NAMED])}{more}"


def without_passwords(value: Any) -> Any:
    """The same value without those in URLs, which older records and those of others may have in any text."""
    if isinstance(value, dict):
        return {key: without_passwords(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_passwords(item) for item in value]
    return without_secrets(value) if isinstance(value, str) and "://" in value else value


def check(content: dict[str, Any], path: Path) -> None:
    """Raise ValueError for decoded JSON that is no record."""
    from renormal.schema import RecordFile, checked  # not at the top: to plan a sweep needs no schema

    checked(RecordFile, content, path)


def read_records(folder: Path) -> Records:
    """Read every record below the folder, sorted by model, category and seed."""
    records, problems = [], []
    paths, faults = below(folder, RECORD)
    for path in paths:
        try:
            records.append(read_record(path))
        except ValueError as error:
            problems.append(str(error))
    jobs = sorted(records, key=lambda record: (record.model, record.category, record.seed))
    return Records(jobs, [*problems, *faults])


def below(folder: Path, *names: str) -> tuple[list[Path], list[str]]:
    """Every file of these names below the folder, and one line for each folder that cannot be read.

    A link to a folder is not followed, so that a circle of links has an end.
    """
    found, problems, left = [], [], [folder]
    while left:
        place = left.pop()
        try:
            with os.scandir(place) as entries:
                inside = list(entries)
        except OSError as error:
            problems.append(f"{place}: {error.strerror}")
            continue
        found += [place / entry.name for entry in inside if entry.name in names]
        left += [place / entry.name for entry in inside if entry.is_dir(follow_symlinks=False)]
    return sorted(found), problems


def stem_of(record: Record, records: Sequence[Record]) -> str:
    """model-category-seed, for file names; with the record's name where two records are of the same job."""
    job = (record.model, record.category, record.seed)
    same = [one for one in records if (one.model, one.category, one.seed) == job]
    name = f"-{record.name}".replace("/", "-") if len(same) > 1 else ""
    return f"{record.model}-{record.category}-{record.seed}{name}"
