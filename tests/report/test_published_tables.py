"""The tables of README.md, RESULTS.md and docs/results/ are those of the records in results/."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from benchmarks.tables import BLOCK, BRIEF, COMPARED, LINE, PAGES, PAPER, ROOT, brief, renewed


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_the_tables_of_its_records(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m benchmarks.tables` writes them."""
    monkeypatch.chdir(ROOT)
    text = Path(page).read_text(encoding="utf-8")
    assert renewed(text) == text


def test_every_mark_of_a_table_has_its_end() -> None:
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        marks = {"renormal-report": BLOCK, "records": LINE, "brief": BRIEF, "compared": COMPARED, "paper": PAPER}
        for begin, blocks in ((f"<!-- {mark} ", blocks) for mark, blocks in marks.items()):
            assert text.count(begin) == len(blocks.findall(text)), page


@pytest.mark.parametrize(
    "mark", ["renormal-report results/nowhere", "records results/nowhere", "brief results/nowhere"]
)
def test_a_folder_that_is_not_there_is_named(mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(ValueError, match=r"results/nowhere: [nN]o "):
        renewed(f"<!-- {mark} -->\n<!-- /{mark.split()[0]} -->")


def test_a_brief_table_has_our_number_and_the_papers_and_names_its_columns() -> None:
    lines = brief(str(ROOT / "results" / "table1_hour" / "l2_ae"), "baseline", "eq8_adam").splitlines()
    assert lines[0].startswith("training images: 638 976; seed 0; machine: AMD EPYC")
    assert [part.strip() for part in lines[2].split("|")] == ["", "L² AE", "`baseline`", "`eq8_adam`", ""]
    assert [part.strip() for part in lines[4].split("|")] == ["", "grid", "0.962 (0.960)", "0.982 (0.981)", ""]
    assert len(lines) == 7


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="made_up"):
        brief(str(ROOT / "results" / "table1_hour" / "l2_ae"), "baseline", "made_up")


def test_the_page_on_table_1_has_the_papers_sixty_pairs_and_its_mean_rate() -> None:
    text = (ROOT / "docs" / "results" / "reproduce.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"<!-- paper table1 -->\n(.*?)<!-- /paper -->", text, flags=re.DOTALL)
    shown = [[part.strip() for part in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
    with (ROOT / "src" / "renormal" / "report" / "table1.csv").open(encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    assert [[name, *re.findall(r"[\d.]+", " ".join(pairs))] for name, *pairs, _ in shown[:-1]] == rows
    assert len(rows) == 15
    assert shown[-1][0] == "rate"
    assert shown[-1][-1] == "+9.5 %"
    assert [row[-1] for row in shown if row[0] in ("carpet", "screw")] == ["+29.3 %", "−1.9 %"]


def test_means_of_a_folder_stand_beside_the_papers_for_the_same_cells() -> None:
    text = renewed(f"<!-- compared hour={ROOT / 'results' / 'table1_hour'} -->\n<!-- /compared -->")
    row = [part.strip() for part in text.splitlines()[3].split("|")[1:-1]]
    assert row == ["`hour`", "12", "0.954, 0.942", "0.973, 0.963", "+0.002, +0.001", "+1.97%, +2.29%"]
