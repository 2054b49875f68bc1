"""`--with`: two folders with the same model stand side by side, and neither changes the other's numbers."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from made_up import made_up, write_made_up

from renormal.report.cli import main
from renormal.report.record import Record


def run(model: str, seed: int, baseline: float, eq8: float, images: int, **changes: Any) -> Record:
    metrics = {"baseline/pixel_auroc": baseline, "eq8/pixel_auroc": eq8}
    return made_up(model, "grid", seed, metrics=metrics, training={"images": images}, **changes)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two cheap seeds of the L² AE, and one seed of it with a long training, beside a DSAE."""
    mine, theirs = tmp_path / "outputs" / "seeds", tmp_path / "results" / "hour"
    for seed, (baseline, eq8) in enumerate([(0.6, 0.5), (0.4, 0.41)]):
        write_made_up(mine, run("l2_ae", seed, baseline, eq8, 640, name="seeds"))
    write_made_up(theirs, run("l2_ae", 0, 0.9, 0.99, 638_976, name="hour"))
    write_made_up(theirs, run("dsae", 0, 0.8, 0.88, 638_976, name="hour"))
    return mine, theirs


def numbers(folder: Path) -> dict[tuple[str, str], tuple[str, str, str]]:
    with (folder / "table.csv").open(encoding="utf-8") as file:
        return {
            (row["model"], row["method"]): (row["value"], row["seeds"], row["paper"]) for row in csv.DictReader(file)
        }


def test_a_model_that_both_folders_have_has_columns_of_each(folders: tuple[Path, Path]) -> None:
    mine, theirs = folders
    assert main([str(mine), "--with", str(theirs)]) == 0
    assert numbers(mine) == {
        ("l2_ae", "baseline"): ("0.5", "2", "0.96"),
        ("l2_ae", "eq8"): ("0.455", "2", "0.981"),
        ("l2_ae (hour)", "baseline"): ("0.9", "1", "0.96"),
        ("l2_ae (hour)", "eq8"): ("0.99", "1", "0.981"),
        ("dsae", "baseline"): ("0.8", "1", "0.96"),
        ("dsae", "eq8"): ("0.88", "1", "0.98"),
    }
    text = (mine / "table.md").read_text(encoding="utf-8")
    assert "training images: 640 (L² AE), 638 976 (DSAE, L² AE (hour))" in text
    assert "0.500 ± 0.141<br>" in text
    assert "L² AE (hour)<br>eq8" in text
    assert "repeat a job" not in text


def test_the_lines_below_count_the_first_folder_and_say_so(folders: tuple[Path, Path]) -> None:
    mine, theirs = folders
    assert main([str(mine), "--with", str(theirs)]) == 0
    text = (mine / "table.md").read_text(encoding="utf-8")
    assert "- eq8 improves 0 of 1 cell (of seeds alone), mean improvement rate −9.00%" in text
    assert "- baseline: 0 of 1 cell (of seeds alone) is above" in text
    assert "- eq8: 0 of 1 cell (of seeds alone) is at" in text
    assert "f(x0) is no better than chance (AUROC at most 0.5) in L² AE grid\n" in text
    assert main([str(mine)]) == 0
    assert "improves 0 of 1 cell, mean" in (mine / "table.md").read_text(encoding="utf-8")


def test_folders_of_one_name_are_told_apart_by_the_folder_above(tmp_path: Path) -> None:
    for above, value in (("outputs", 0.5), ("results", 0.6), ("old", 0.7)):
        write_made_up(tmp_path / above / "hour", run("vae", 0, value, value, 10))
    own, *others = (str(tmp_path / above / "hour") for above in ("outputs", "results", "old"))
    assert main([own, "--with", others[0], "--with", others[1]]) == 0
    found = {model: value for (model, method), (value, *_) in numbers(Path(own)).items() if method == "baseline"}
    assert found == {"vae": "0.5", "vae (results/hour)": "0.6", "vae (old/hour)": "0.7"}


def test_another_model_of_the_same_label_is_told_apart_too(tmp_path: Path) -> None:
    for folder, model in (("a", "mine"), ("b", "other")):
        config = {"model": {"label": "my net"}}
        write_made_up(tmp_path / folder, run(model, 0, 0.5, 0.6, 10, config=config))
    assert main([str(tmp_path / "a"), "--with", str(tmp_path / "b")]) == 0
    text = (tmp_path / "a" / "table.md").read_text(encoding="utf-8")
    assert "| my net<br>baseline |" in " ".join(text.split())
    assert "| my net (b)<br>baseline |" in " ".join(text.split())


def test_a_record_stands_once(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """--with names a folder above the first one, or the first one itself."""
    _, theirs = folders
    own = theirs / "l2_ae"
    assert main([str(own), "--with", str(theirs)]) == 0
    assert {model for model, _ in numbers(own)} == {"l2_ae", "dsae"}
    capsys.readouterr()
    assert main([str(own), "--with", str(own)]) == 2
    line = f"renormal-report: --with {own}: its records are in the table of {own} already: give another folder\n"
    assert capsys.readouterr().err == line


def test_a_folder_without_a_finished_job_has_no_table_to_add_to(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "begun").mkdir()
    plan = {"jobs": ["l2_ae/bottle/0"], "launcher": "basic", "started": 0.0}
    (tmp_path / "begun" / "plan.json").write_text(json.dumps(plan))
    assert main([str(tmp_path / "begun"), "--with", str(folders[1])]) == 2
    line = "no job has ended yet, so --with has no table to add to: repeat this when one has"
    assert capsys.readouterr().err == f"renormal-report: {tmp_path / 'begun'}: {line}\n"


def test_help_says_which_folder_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "another folder with records of the same categories, such as outputs/OTHER" in text
    assert "results/trivial_cpu" not in text
