"""The finished table as a run: the numbers that are printed, in the group and project of its jobs."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_up import made_up, write_made_up

from offline_run import offline_runs
from renormal.report.cli import main
from renormal.report.record import read_records
from renormal.report.table import build_table

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two categories of one model; their jobs had logged to a project of their own."""
    config = {"logger": {"wandb": {"project": "castings", "entity": None, "mode": "auto", "save_dir": "0"}}}
    for category, value in (("grid", 0.9), ("bottle", 0.95)):
        metrics = {"baseline/pixel_auroc": 0.8, "eq8_adam/pixel_auroc": value}
        write_made_up(tmp_path, made_up(category=category, metrics=metrics, config=config))
    return tmp_path


def test_the_table_is_one_run_among_its_jobs(folder: Path) -> None:
    assert main([str(folder), "--wandb"]) == 0
    (run,) = offline_runs(folder)
    assert [run.run[key] for key in ("display_name", "run_group", "job_type", "project")] == [
        "trial/table",
        "trial",
        "table",
        "castings",
    ]
    assert run.exit_code == 0
    table = build_table(read_records(folder).records)
    assert run.values("table/vae/eq8_adam/pixel_auroc") == pytest.approx([0.925])
    assert run.values("table/eq8_adam/improvement") == pytest.approx([table.rates[0].rate])
    assert run.metrics["table/vae/eq8_adam/pixel_auroc"]["summary"] == {"last": True}
    printed = run.table("table/printed")
    assert printed["columns"] == ["category", "VAE baseline", "VAE eq8_adam"]
    assert printed["data"] == [["grid", 0.8, 0.9], ["bottle", 0.8, 0.95], ["mean", 0.8, pytest.approx(0.925)]]
    cells = run.table("table/cells")["data"]
    assert cells[1] == ["grid", "VAE", "eq8_adam", 0.9, None, 0.961, pytest.approx(-0.061), pytest.approx(0.125)]


def test_its_charts_have_their_numbers_and_their_labels(folder: Path) -> None:
    main([str(folder), "--wandb"])
    (run,) = offline_runs(folder)
    charts = {key.removeprefix("_wandb.visualize."): value for key, value in run.config.items() if "visualize" in key}
    assert set(charts) == {"table/means", "table/improvement", "table/paper"}
    fields = charts["table/paper"]["panel_config"]["fieldSettings"]
    assert run.table("table/paper_table")["columns"][:2] == [fields["y"], fields["x"]] == ["ours", "paper"]
    assert run.table("table/means_table")["data"] == [["VAE baseline", 0.8], ["VAE eq8_adam", pytest.approx(0.925)]]


def test_the_same_folder_goes_on_in_the_same_run_and_nothing_of_the_machine_is_in_it(folder: Path) -> None:
    for out in ("a", "a", "b"):
        main([str(folder), "--wandb", "--out", str(folder / out)])
    runs = offline_runs(folder / "a") + offline_runs(folder / "b")
    assert len({run.run["run_id"] for run in runs}) == 2
    files = [file for place in "ab" for file in (folder / place / "wandb").rglob("*") if file.is_file()]
    assert files
    assert not [file for file in files if str(folder).encode() in file.read_bytes()]


def test_where_to_send_it_is_said(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        lines: list[str] = []
        patch.setattr("renormal.boards.wandb_run.log.info", lambda line, *values: lines.append(line % values))
        main([str(folder), "--wandb"])
    assert len(lines) == 1
    assert "wandb sync wandb/offline-run-" in lines[0]
