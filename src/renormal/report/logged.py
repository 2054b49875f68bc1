"""The warnings that the log of a job gave about its training."""

from __future__ import annotations

import re
from contextlib import suppress

from renormal.files import RUN_LOG, read_text
from renormal.report.record import Record
from renormal.report.status import private

WARNING = re.compile(r"^\[[^\]]*\]\[renormal(?:\.[\w.]+)?\]\[WARNING\] - (.+)$", re.MULTILINE)
STARTING = re.compile(r"^\[[^\]]*\]\[renormal\.run\]\[INFO\] - .*: starting$", re.MULTILINE)  # of each run
PLANNED = "] - training: "  # a training began in this run, and does not go on
# Of the run, not of its result:
PASSING = re.compile(r"interrupted:|the checkpoint there|.* (?:held|holds) the record of (?:another config|other code)")


def warnings(record: Record) -> list[str]:
    """Each warning once, from the run that began the training on. Without a log those that the record keeps."""
    text = ""
    if record.folder is not None:
        with suppress(FileNotFoundError, ValueError):  # it is not published
            text = read_text(record.folder / RUN_LOG)
    found = [line for line in WARNING.findall(of_this_training(text)) if not PASSING.match(line)]
    kept = (record.data.get("examination") or {}).get("lines", [])
    return list(dict.fromkeys(private(line) for line in [*found, *kept]))


def of_this_training(text: str) -> str:
    """The log from the last run on that planned a training; all of it where none did."""
    starts = [0, *(match.start() for match in STARTING.finditer(text))]
    planned = [start for start in starts if PLANNED in text[start:]]
    return text[planned[-1] :] if planned else text
