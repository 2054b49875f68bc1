"""What a run of `renormal-predict` says of its job: where it lies, when it was trained, the promise, the doubts."""

from __future__ import annotations

import re
from typing import TypedDict

from renormal.console.text import counted, printable
from renormal.files import RUN_LOG, read_text
from renormal.inspect.doubts import few_images
from renormal.inspect.folds import Pooled
from renormal.inspect.predictor import Predictor
from renormal.inspect.settled import home
from renormal.lit.training_length import FEW
from renormal.report.called import tested_good
from renormal.report.logged import of_this_training, warnings
from renormal.report.record import Record

DAY = re.compile(r"^\[(\d{4}-\d\d-\d\d) ", re.MULTILINE)
FEW_IN_LOG = FEW.partition("%s")[2].partition("%s")[0]  # the line of `few_images` says the same of what was reached
UNTESTED = "No photograph of a real defect was tested: how many defects are missed is not known"

AVERAGE = "The promised share is an average over many such trainings: with this network it may be higher"


class About(TypedDict):
    """folder: of the job. job: name/model/category/seed. trained: a day, or "". promise, doubts: whole sentences."""

    folder: str
    job: str
    trained: str
    promise: list[str]
    doubts: list[str]


def about(predictor: Predictor) -> About:
    """What the page says of the jobs that answer."""
    records = [job.record for job in predictor.inspector.jobs]
    first, seeds = records[0], ", ".join(str(record.seed) for record in records)
    promised = predictor.task.threshold is None and getattr(predictor.decision, "held_out", True)
    further = {AVERAGE: promised, UNTESTED: first.data.get("test_defective") == 0}
    return About(
        folder=home(predictor.task.run),
        job=printable(f"{first.name}/{first.model}/{first.category}/{seeds}"),
        trained=max(map(trained, records)),
        promise=[*promise(predictor), *(f"{line}." for line, holds in further.items() if holds)],
        doubts=doubts(predictor, records),
    )


def trained(record: Record) -> str:
    """The day on which the training began, by the log of the job; "" without a log."""
    try:
        text = read_text(record.folder / RUN_LOG) if record.folder else ""
    except (FileNotFoundError, ValueError):
        return ""
    found = DAY.search(of_this_training(text))
    return found[1] if found else ""


def promise(predictor: Predictor, until: str = "") -> list[str]:
    """What the threshold promises, and how many of the known good photographs are above it, in sentences.

    until: added to what more good photographs would promise.
    """
    decision = predictor.decision
    if predictor.task.threshold is not None:
        return ["The threshold was given by hand: nothing is promised.", *above_it(predictor)]
    more = until if decision.too_few and getattr(decision, "held_out", False) else ""
    return [*sentences(decision.line + more), *above_it(predictor)]


def above_it(predictor: Predictor) -> list[str]:
    """How many known good photographs the one job calls defective.

    Of those set apart only where --threshold is given: otherwise their number follows from the promise.
    """
    decision = predictor.decision
    if isinstance(decision, Pooled):
        return []
    tested = tested_good(predictor.inspector.jobs[0].record, predictor.inspector.column)
    given = predictor.task.threshold is not None
    known = {"set apart": decision.scores if given and decision.held_out else (), "of the test": tested or ()}
    above = {kind: sum(score > predictor.threshold for score in scores) for kind, scores in known.items()}
    return [
        f"Of the {counted(len(scores), 'good photograph')} {kind} {above[kind]} {'is' if above[kind] == 1 else 'are'} "
        "called defective."
        for kind, scores in known.items()
        if scores
    ]


def sentences(line: str) -> list[str]:
    """The parts of a line, each as a sentence."""
    return [f"{part[:1].upper()}{part[1:]}." for part in line.rstrip(".").split("; ")]


def doubts(predictor: Predictor, records: list[Record]) -> list[str]:
    """What the training warned of, and what the command adds."""
    few = few_images(predictor.inspector.jobs)
    logged = [line for record in records for line in warnings(record) if not (few and FEW_IN_LOG in line)]
    mask = ["a mask (--ignore) leaves out a part of each photograph"] if predictor.task.ignore else []
    return [f"{line[:1].upper()}{line[1:]}" for line in dict.fromkeys([*few, *logged, *mask])]
