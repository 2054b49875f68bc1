"""What is known of a job where no defect was tested: its decision, good photographs called defective, warnings."""

from __future__ import annotations

import csv
import io
import shlex
from typing import NamedTuple

from renormal.files import SAMPLES, read_text
from renormal.report.decisions import Decided
from renormal.report.logged import warnings
from renormal.report.models import label
from renormal.report.record import Record
from renormal.report.strips import unreadable

NAMED = 5  # photographs in a line


class Called(NamedTuple):
    """A job with its decision.

    warnings: of its log. planted: the sheet of drawn defects, as a data URI, or "". metric, found: what the chosen
    settings reach on them. false, good: the good photographs of the test that are called defective, and of how many;
    good is None where not known.
    """

    name: str
    decided: Decided
    command: str
    warnings: list[str]
    planted: str
    metric: str = ""
    found: float | None = None
    false: tuple[str, ...] = ()
    good: int | None = None


def called(record: Record, decided: Decided, planted: str) -> Called:
    """Nothing is counted where `tested_good` knows nothing."""
    name = f"{record.category}, {label(record)}, seed {record.seed}"
    job = Called(name, decided, command(record), warnings(record), planted)
    if record.choice:
        metric = record.choice["metric"]
        job = job._replace(metric=metric, found=record.choice["chosen"]["metrics"][metric])
    if (scores := scores_of_good(record, decided.column)) is None:
        return job
    return job._replace(false=tuple(path for path, score in scores if score > decided.own.threshold), good=len(scores))


def tested_good(record: Record, column: str) -> list[float] | None:
    """As `scores_of_good`, without the names."""
    scores = scores_of_good(record, column)
    return None if scores is None else [score for _, score in scores]


def scores_of_good(record: Record, column: str) -> list[tuple[str, float]] | None:
    """Path and score of each good photograph of the test, from samples.csv.

    None without this file, which is not published, and where the decision has other scores (`test.area` above 1).
    """
    if record.folder is None or record.inspection.get("area", 1) != 1:
        return None
    try:
        rows = csv.DictReader(io.StringIO(read_text(record.folder / SAMPLES)))
        return [(row["path"], float(row[f"{column}/score"])) for row in rows if row["defect"] == "good"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        unreadable(ValueError(f"{record.folder / SAMPLES}: {error}"))
        return None


def command(record: Record) -> str:
    """What marks new photographs; JOB for a folder that is not where jobs usually lie."""
    usual = ("outputs", record.name, record.model, record.category, str(record.seed))
    here = record.folder.resolve().parts if record.folder else ()
    job = shlex.quote("/".join(usual)) if here[-len(usual) :] == usual else "JOB"
    return f"renormal-predict {job} new/ --out found/"
