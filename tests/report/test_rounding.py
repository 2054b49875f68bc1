"""Descents that were scored by rounding noise are named under the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from benchmarks.ablation import methods_of, rows, scores
from made_up import made_up

from renormal.report.record import SCORES, Record, read_record, read_records
from renormal.report.rounding import notes_on_rounding
from renormal.report.table import build_table

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"


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


def test_the_ablation_shows_no_descent_that_one_of_its_records_scored_with_rounding() -> None:
    exact, rounded = record(7.5, scores=SCORES), record(7.5)
    assert methods_of([exact, exact]) == ["baseline", "eq8_adam"]
    assert methods_of([exact, rounded]) == methods_of([rounded]) == ["baseline"]


def test_the_page_of_the_ablation_has_the_numbers_of_its_records() -> None:
    records = read_records(RESULTS / "repair_ablation").records
    page = (ROOT / "docs/results/repair.md").read_text(encoding="utf-8")
    printed = rows(records, "pixel_auroc") + scores(records, "pixel_auroc")
    assert len(printed) == 20
    for line in printed:
        assert "|" + "|".join(f" {cell} ".replace("  ", " ") for cell in line) + "|" in page
