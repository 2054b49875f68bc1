"""Load a finished job, your own or a stranger's, and inspect photographs with it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from renormal.files import RECORD
from renormal.inspect.finished import Finished, check_record, fitted_descents, trained_model
from renormal.inspect.folds import Folds
from renormal.inspect.inspector import Answering, Inspection, Inspector
from renormal.inspect.photographs import Photo
from renormal.inspect.settled import folders_of
from renormal.report.decide import RATE
from renormal.report.record import read_record


class FinishedJob(Finished):
    """What a job left: record, model, descents, and its answers on photographs."""

    @cached_property
    def inspector(self) -> Inspector:
        """With the job's own column, on the CPU, at 5 % false alarms; `Inspector(job, ...)` takes other settings."""
        return Inspector(self)

    def inspect(self, photo: Photo) -> Inspection:
        """Score, decision, map and x_N of one photograph: a path, a PIL image, an array or a tensor."""
        return self.inspector.inspect(photo)


def load(folder: Path | str, trust: Sequence[str] = ()) -> FinishedJob:
    """Load the job of outputs/<name>/<model>/<category>/<seed>.

    trust: names of your own packages, whose classes and functions the job's config names. Anything else that is no
    part of renormal is refused before the first object is built. Raises ValueError, with one line, for a folder without
    a record or a checkpoint, for damaged ones, and for a checkpoint of another config or with other weights than those
    of the record.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder: name outputs/<name>/<model>/<category>/<seed> of a finished job")
    record = read_record(folder / RECORD)
    check_record(record)
    descents = fitted_descents(record, trust)
    return FinishedJob(record, trained_model(folder, record, trust), descents, folder, tuple(trust))


def inspector_of(
    folder: Path | str,
    trust: Sequence[str] = (),
    *,
    column: str | None = None,
    rate: float = RATE,
    device: str = "cpu",
) -> Answering:
    """What answers on photographs: one job, or all jobs in the folder of a category, as folds of its good images."""
    folder = Path(folder)
    jobs = [load(job, trust) for job in folders_of(folder)]
    if len(jobs) == 1:
        return Inspector(jobs[0], column=column, rate=rate, device=device)
    return Folds(jobs, column=column, rate=rate, device=device)
