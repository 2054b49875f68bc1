"""The last lines of a job or a sweep: metrics that are not defined, where the pictures are, the next command."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from renormal.files import RECORD, shown
from renormal.report.record import Record, read_record

PANELS = "panels"
MORE = "; test more good images, or larger ones, if you want it: no other number needs them"  # for aupimo
NEEDS = "an FPR of"  # in the reason that says how many pixels aupimo needs
OWN = ("folder", "table")  # data sets of one's own photographs


def after_job(folder: Path, results: Path) -> list[str]:
    """Lines after a single job. results: the folder of all jobs of that name. No record: no line."""
    records = read([folder])
    if not records:
        return []
    page = results if folder.is_relative_to(results) else folder
    return [*undefined(records), *pictures(folder), next_command(page), *inspecting(folder, records[0])]


def inspecting(folder: Path, record: Record) -> list[str]:
    """The command that inspects new photographs, where the job was trained on one's own."""
    name = record.config.get("data", {}).get("name")
    if name not in OWN or not (folder / "checkpoints" / "last.ckpt").is_file():
        return []
    return [f"new photographs: renormal-predict {shlex.quote(str(shown(folder)))} IMAGES... --out DIR"]


def after_sweep(folders: Iterable[Path], results: Path) -> list[str]:
    """Lines after a sweep. Without a record: none."""
    records = read(folders)
    return [*undefined(records), next_command(results)] if records else []


def pictures(folder: Path) -> list[str]:
    """A line that names the folder of a job's pictures, if there are some."""
    panels = folder / PANELS
    return [f"pictures: {shown(panels)}"] if panels.is_dir() and any(panels.iterdir()) else []


def read(folders: Iterable[Path]) -> list[Record]:
    """The records in these folders. A damaged one of an earlier command is left out: the report names it."""
    found = []
    for folder in folders:
        if (folder / RECORD).is_file():
            with suppress(ValueError, OSError):
                found.append(read_record(folder / RECORD))
    return found


def next_command(folder: Path) -> str:
    return f"table and page: renormal-report {shlex.quote(str(shown(folder)))}"


def undefined(records: Sequence[Record]) -> list[str]:
    """One line for metrics that lack for one reason, without their names where there is no other metric.

    Of several jobs: their number, and the reason in the first one.
    """
    reasons: dict[tuple[str, ...], list[str]] = {}
    for record in records:
        for reason in dict.fromkeys(record.undefined.values()):
            names = tuple(name for name, own in record.undefined.items() if own == reason)
            reasons.setdefault(names, []).append(reason)
    none = len(reasons) == 1 and not any(record.metrics for record in records)
    return [_line(("metrics",) if none else names, found, len(records)) for names, found in reasons.items()]


def _line(names: Sequence[str], reasons: Sequence[str], jobs: int) -> str:
    where = f" in {len(reasons)} of {jobs} jobs" if jobs > 1 else ""
    where += ", in the first" if len(set(reasons)) > 1 else ""
    mend = MORE if NEEDS in reasons[0] else ""
    return f"{', '.join(names)} not defined{where}: {reasons[0]}{mend}"
