"""One row per photograph; their sums and means are the numbers of the record."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.metrics import f1_score, roc_auc_score

from renormal.contracts import EnergyTerms, Projection, Stopped
from renormal.job.job import run_job
from renormal.lit.samples import add_descent, add_scores, open_rows, tile_with_most_defect, write_samples
from renormal.report.record import read_record


def descent(steps: list[int], energy: list[float], start: list[float]) -> Projection:
    x, end = torch.zeros(len(steps), 1, 2, 2), torch.tensor(energy)
    stopped = [Stopped.ARRIVED if one < 9 else Stopped.OUT_OF_STEPS for one in steps]
    return Projection(x, EnergyTerms(end, end, end, x), torch.tensor(steps), torch.tensor(stopped), torch.tensor(start))


@pytest.mark.parametrize("category", ["bottle", "grid"])
def test_the_rows_of_a_job_add_up_to_its_record(tiny: Any, category: str) -> None:
    config = tiny(f"category={category}", "test.samples=3")
    run_job(config)
    folder = Path(config.folder)
    record = read_record(folder / "record.json")
    with (folder / "samples.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == record.data["test_good"] + record.data["test_defective"] == len({row["path"] for row in rows})
    labels = [row["defect"] != "good" for row in rows]
    for method in ("baseline", "eq8_adam", "eq8"):
        scores = [float(row[f"{method}/score"]) for row in rows]
        assert roc_auc_score(labels, scores) == pytest.approx(record.metrics[f"{method}/image_auroc"], abs=1e-9)
    for method in ("baseline", "eq8_adam", "eq8"):
        above = [row[f"{method}/above_image_threshold"] == "yes" for row in rows]
        assert f1_score(labels, above) == pytest.approx(record.metrics[f"{method}/image_f1"])
    report = record.projections["eq8"]
    steps, seconds, ends, stopped = (
        [row[f"eq8/{column}"] for row in rows] for column in ("steps", "seconds", "energy_end", "stopped")
    )
    assert sum(map(float, steps)) / len(rows) == pytest.approx(report["steps_mean"], rel=1e-5)
    assert sum(map(float, seconds)) == pytest.approx(report["seconds"], rel=1e-4)
    assert all(float(end) <= float(row["eq8/energy_start"]) for end, row in zip(ends, rows, strict=True))
    if category == "bottle":
        assert stopped.count("yes") / len(rows) == pytest.approx(report["stopped_fraction"])


def test_the_tiles_of_a_texture_are_one_photograph(tmp_path: Path) -> None:
    rows = open_rows(["a.png", "b.png"], ["good", "cut"])
    add_descent(rows, "eq8", descent([1, 3, 9, 3], [2.0, 4.0, 6.0, 8.0], [3.0, 5.0, 9.0, 9.0]), 10.0)
    add_scores(rows, "baseline", torch.tensor([0.5, 0.25]))
    add_scores(rows, "eq8", torch.tensor([0.125, 1.0]))
    lines = write_samples(tmp_path, rows).read_text().splitlines()
    columns = "eq8/score,eq8/steps,eq8/stopped,eq8/energy_start,eq8/energy_end,eq8/seconds"
    assert lines == [
        f"path,defect,baseline/score,{columns}",
        "a.png,good,0.5,0.125,2,yes,4,3,3",  # (2 + 4) of 20 evaluations
        "b.png,cut,0.25,1,6,no,9,7,7",
    ]


def test_a_score_at_the_image_threshold_is_not_above_it(tmp_path: Path) -> None:
    """The threshold is the score of a normal image."""
    rows = open_rows(["a.png", "b.png"], ["good", "cut"])
    add_scores(rows, "baseline", torch.tensor([0.1, 0.2]), threshold=float(torch.tensor(0.1)))
    lines = write_samples(tmp_path, rows).read_text().splitlines()
    assert lines[0] == "path,defect,baseline/score,baseline/above_image_threshold"
    assert lines[1:] == ["a.png,good,0.1,no", "b.png,cut,0.2,yes"]


def test_rows_are_written_in_the_order_of_their_paths_and_over_older_ones(tmp_path: Path) -> None:
    for paths in (["b", "a", "c"], ["c", "b"]):
        rows = open_rows(paths, ["good"] * len(paths))
        add_scores(rows, "baseline", torch.ones(len(paths)))
        lines = write_samples(tmp_path, rows).read_text().splitlines()
        assert [line[0] for line in lines[1:]] == sorted(paths)
    assert [path.name for path in tmp_path.iterdir()] == ["samples.csv"]


def test_the_tile_to_follow_shows_most_of_the_defect() -> None:
    regions = torch.zeros(6, 4, 4, dtype=torch.int16)  # two images of three tiles
    regions[1, 0, 0] = 1
    regions[2, :2, :2] = 7
    regions[3:] = -1  # without a mask
    assert tile_with_most_defect(regions, 2).tolist() == [2, 0]
