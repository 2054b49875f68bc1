"""Descents that were scored by rounding noise are named under the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_up import made_up

from renormal.report.record import SCORES, Record, read_record
from renormal.report.rounding import notes_on_rounding
from renormal.report.table import build_table

RESULTS = Path(__file__).parents[2] / "results"


def record(threshold: float, **data: Any) -> Record:
    projections: Any = {"eq8_adam": {"threshold": threshold}, "one_pass": {"threshold": 0.0}}
    return made_up("repair_ae", "bottle", data={"size": 128, "channels": 3} | data, projections=projections)


@pytest.mark.parametrize(
    ("found", "named"),
    [
        (record(2.96), True),  # of 49 152 values: 0.008 of each
        (record(27.9), False),  # 0.024
        (record(2.96, scores=SCORES), False),
        (record(0.0), False),
    ],
)
def test_a_network_that_changes_less_than_the_rounding_is_named(found: Record, named: bool) -> None:
    notes = [note for note in build_table([found]).notes if "rounding errors" in note]
    assert [note.startswith("repair_ae/bottle/0: scored when") for note in notes] == [True] * named


@pytest.mark.parametrize(("name", "named"), [("repair_cpu", True), ("table1_cpu", False), ("demo", False)])
def test_of_the_published_records_those_of_the_repair_autoencoder_are_named(name: str, named: bool) -> None:
    records = [read_record(path) for path in sorted((RESULTS / name).rglob("record.json"))]
    assert records
    assert bool(notes_on_rounding(records)) is named or all(one.data.get("scores") == SCORES for one in records)
