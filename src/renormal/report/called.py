"""Good photographs of a test that are called defective: what is known where no defect was tested."""

from __future__ import annotations

import csv
import io
from typing import NamedTuple

from renormal.files import SAMPLES, read_text
from renormal.report.decisions import Decided
from renormal.report.models import label
from renormal.report.record import Record
from renormal.report.strips import unreadable


class Called(NamedTuple):
    """A job with its decision.

    false, good: how many good photographs of the test are called defective, and of how many; None where not known.
    """

    category: str
    model: str
    decided: Decided
    false: int | None = None
    good: int | None = None


def called(record: Record, decided: Decided) -> Called:
    """Nothing is counted where `tested_good` knows nothing."""
    job = Called(record.category, label(record), decided)
    if (scores := tested_good(record, decided.column)) is None:
        return job
    return job._replace(false=sum(score > decided.own.threshold for score in scores), good=len(scores))


def tested_good(record: Record, column: str) -> list[float] | None:
    """The scores of the good photographs of the test, from samples.csv.

    None without this file, which is not published, and where the decision has other scores (`test.area` above 1).
    """
    if record.folder is None or record.inspection.get("area", 1) != 1:
        return None
    try:
        rows = csv.DictReader(io.StringIO(read_text(record.folder / SAMPLES)))
        return [float(row[f"{column}/score"]) for row in rows if row["defect"] == "good"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        unreadable(ValueError(f"{record.folder / SAMPLES}: {error}"))
        return None
