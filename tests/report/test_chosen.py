"""The report of settings that were chosen without labels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from made_up import chose, made_up, write_made_up

from renormal.report.chosen import gain_of, gains, markdown, one_for_all, summary, with_gains
from renormal.report.cli import main
from renormal.report.record import Record
from renormal.report.table import build_table

GRID = chose("grid", (0.90, 0.92), 0.80, 0.85, 0.90, 0.84)
BOTTLE = chose("bottle", (0.95, 0.94), 0.80, 0.89, 0.82, 0.85, held_out=False)


def test_the_gain_is_the_column_less_the_constants_on_the_test_set() -> None:
    grid, bottle = gains([GRID, BOTTLE, made_up("l2_ae")], "pixel_auroc")
    assert grid.difference == pytest.approx(0.02)
    assert bottle.difference == pytest.approx(-0.01)
    assert grid.row[2:] == ["eq8, α 2, T quantile 0, dssim", "0.800", "0.900", "0.700", "0.900", "0.920", "+0.020"]
    assert bottle.row[-1] == "−0.010"
    assert "| bottle | VAE" in markdown([grid, bottle])


def test_the_table_says_what_was_gained_and_what_was_seen() -> None:
    first, leak = summary(gains([GRID, BOTTLE], "pixel_auroc"), "pixel_auroc")
    assert "better than eq8_adam as configured in 1 of 2 cells, mean pixel AUROC +0.005" in first
    assert "chosen on +0.095" in first
    assert leak.startswith("1 of 2 choices were made on images that the weights may have been trained on")
    table = build_table([GRID], "pixel_auroc")
    assert with_gains(table, gains([GRID], "pixel_auroc")).notes[-1].startswith("chosen, chosen without labels")
    assert with_gains(table, []) == table


def test_without_masks_there_is_a_choice_and_no_gain() -> None:
    (gain,) = gains([chose("grid", (0.9, 0.9), 0.8, 0.9)], "image_auroc")
    assert gain.difference is None
    assert gain.row[-3:] == ["–", "–", "–"]
    assert summary([gain], "image_auroc") == []


def test_one_for_all_is_best_on_average_and_can_be_taken() -> None:
    content = one_for_all([GRID, BOTTLE])
    assert content["chosen"]["settings"]["step_size"] == 1.0  # 0.870; α 2 is best on grid, 0.860 on both
    assert content["chosen"]["metrics"]["pixel_auroc"] == pytest.approx(0.87)
    assert content["reference"]["metrics"]["pixel_auroc"] == pytest.approx(0.80)
    assert content["jobs"] == ["vae/grid/0", "vae/bottle/0"]
    assert not content["held_out"]
    given = made_up("vae", "pill", metrics=GRID.metrics, choice=content)
    assert gains([given], "pixel_auroc")[0].planted == pytest.approx((0.80, 0.87))


def test_the_command_writes_one_for_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for record in (GRID, BOTTLE):
        write_made_up(tmp_path, record)
    assert main([str(tmp_path), "--one-for-all", str(tmp_path / "one.json")]) == 0
    assert json.loads((tmp_path / "one.json").read_text())["chosen"]["settings"]["step_size"] == 1.0
    assert (
        "eq8, α 1, T quantile 0, dssim: pixel AUROC of planted defects 0.870, mean of 2 jobs" in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("records", "line"),
    [
        ([made_up()], "no record holds chosen settings"),
        ([GRID, chose("pill", (0.9, 0.9), 0.8)], "run them with choose=grid"),
    ],
)
def test_what_cannot_be_one_for_all_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], records: list[Record], line: str
) -> None:
    for record in records:
        write_made_up(tmp_path, record)
    assert main([str(tmp_path), "--one-for-all", str(tmp_path / "one.json")]) == 2
    assert line in capsys.readouterr().err
    assert not (tmp_path / "one.json").exists()


def test_the_configs_own_score_is_shown_by_its_name() -> None:
    content = {**GRID.choice, "chosen": {**GRID.choice["chosen"], "score": "score"}}
    config = GRID.config | {"score": {"_target_": "renormal.scores.DSSIM"}}
    assert gain_of(replace(GRID, choice=content, config=config), "pixel_auroc").settings.endswith(", dssim")


def test_the_page_names_the_metric_that_chose_and_that_of_the_test(tmp_path: Path) -> None:
    text = json.dumps(GRID.choice).replace("pixel_auroc", "mean_of_three")
    write_made_up(tmp_path, replace(GRID, choice=json.loads(text)))
    assert main([str(tmp_path)]) == 0
    assert (
        "Planted: mean of pixel AUROC, AUPRO and image AUROC. Test: pixel AUROC."
        in (tmp_path / "report.html").read_text()
    )


def test_page_and_files_show_each_choice(tmp_path: Path) -> None:
    write_made_up(tmp_path, GRID)
    assert main([str(tmp_path)]) == 0
    page = (tmp_path / "report.html").read_text()
    assert "Settings chosen without labels" in page
    assert "eq8, α 2, T quantile 0, dssim" in page
    assert "+0.020" in (tmp_path / "chosen.md").read_text()
    plain = tmp_path / "plain"
    write_made_up(plain, made_up())
    assert main([str(plain)]) == 0
    assert "Settings chosen without labels" not in (plain / "report.html").read_text()
    assert not (plain / "chosen.md").exists()
