"""AUPROs of records that counted regions in reduced masks stay apart from those that counted them as drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_up import made_up, write_made_up

from renormal.report.cli import main
from renormal.report.record import REGIONS, Record
from renormal.report.regions import comparable
from renormal.report.table import build_table

METRICS = {
    f"{method}/{metric}": 0.5 for method in ("baseline", "eq8") for metric in ("pixel_auroc", "aupro", "aupro_5")
}
OLDER = made_up("l2_ae", "grid", metrics=METRICS)
NEWER = made_up("vae", "bottle", metrics=METRICS, data={"regions": REGIONS})


def values(records: list[Record], metric: str) -> dict[tuple[str, str], list[float | None]]:
    """(model, category) → baseline and eq8."""
    table = build_table(records, metric)
    return {
        (model, row.label): [
            cell.value for column, cell in zip(table.columns, row.cells, strict=True) if column.model == model
        ]
        for model in dict.fromkeys(column.model for column in table.columns)
        for row in table.rows
    }


@pytest.mark.parametrize("metric", ["aupro", "aupro_5"])
def test_no_column_and_no_row_has_numbers_of_both_kinds(metric: str) -> None:
    same_column = made_up("vae", "grid", metrics=METRICS)
    assert values([OLDER, same_column, NEWER], metric) == {("vae", "grid"): [None, None], ("vae", "bottle"): [0.5, 0.5]}


def test_seeds_of_both_kinds_are_not_averaged() -> None:
    older = made_up("vae", "bottle", 1, metrics=dict.fromkeys(METRICS, 0.9))
    assert values([older, NEWER], "aupro")["vae", "bottle"] == [0.5, 0.5]


def test_what_is_left_out_is_said_with_the_mend() -> None:
    (note,) = [note for note in build_table([OLDER, NEWER], "aupro").notes if "regions" in note]
    assert note.startswith("l2_ae/grid/0: left out, regions were counted in the reduced masks")
    assert note.endswith("(stages=[test] rerun=true counts them as drawn)")


def test_older_records_alone_are_shown_and_marked() -> None:
    assert values([OLDER], "aupro") == {("l2_ae", "grid"): [0.5, 0.5]}
    assert any(note.startswith("regions were counted in the reduced") for note in build_table([OLDER], "aupro").notes)


@pytest.mark.parametrize("records", [[OLDER], [NEWER], [OLDER, NEWER]])
def test_other_metrics_are_shown_without_a_word(records: list[Record]) -> None:
    table = build_table(records, "pixel_auroc")
    assert sum(cell.value is not None for row in table.rows for cell in row.cells) == 2 * len(records)
    assert not any("regions" in note for note in table.notes)


def test_newer_records_alone_are_as_they_are() -> None:
    assert comparable([NEWER], "aupro") == ([NEWER], [])


def test_the_command_prints_the_note_and_the_page_has_no_older_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for record in (made_up("l2_ae", "grid", metrics=dict.fromkeys(METRICS, 0.1234)), NEWER):
        write_made_up(tmp_path, record)
    assert main([str(tmp_path), "--metric", "aupro"]) == 0
    assert "l2_ae/grid/0: left out, regions were counted" in capsys.readouterr().out
    table, page = ((tmp_path / name).read_text() for name in ("table.md", "report.html"))
    assert "l2_ae/grid/0: left out, regions were counted" in table
    assert page.count("0.123") == 2, "the pixel AUROC of both columns"
