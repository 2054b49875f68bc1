"""A record is written whole, read back equal, portable, and refused in one line when it is not one."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_up import made_up, write_made_up

from renormal.report.record import publish, read_record, read_records, write_record


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    curves = {"eq8": {"pixel_auroc": [0.5, 0.75], "images": 3}}
    record = made_up(curves=curves, panels=[{"file": "panels/a.png", "defect": "bent"}])
    path = write_record(tmp_path / "deep" / "er", record)
    assert read_record(path) == record
    assert read_record(path).folder == path.parent
    assert [item.name for item in path.parent.iterdir()] == ["record.json"]


def test_a_failed_write_leaves_the_old_record_and_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_record(tmp_path, made_up())

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_record(tmp_path, made_up(commit="later"))
    assert read_record(path) == made_up()
    assert [item.name for item in tmp_path.iterdir()] == ["record.json"]


def test_a_folder_above_jobs_is_refused_with_their_names(tmp_path: Path) -> None:
    for name in "abcde":
        write_record(tmp_path / "inspect" / "vae" / name / "0", made_up())
    jobs = ", ".join(str(tmp_path / "inspect" / "vae" / name / "0") for name in "abc")
    with pytest.raises(ValueError, match="does not exist") as error:
        read_record(tmp_path / "inspect" / "record.json")
    said = f"holds 5 jobs: name one of them, as {jobs} or 2 more"
    assert str(error.value) == f"{tmp_path}/inspect/record.json: does not exist, but {tmp_path}/inspect {said}"
    with pytest.raises(ValueError, match=r"record\.json: does not exist$"):
        read_record(tmp_path / "inspect" / "vae" / "a" / "0" / "none" / "record.json")


def test_the_home_folder_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    config = {"data": {"root": "/home/somebody/mvtec", "roots": [Path("/home/somebody/more")]}}
    record = read_record(write_record(tmp_path, made_up(config=config)))
    assert record.config == {"data": {"root": "~/mvtec", "roots": ["~/more"]}}


def test_a_number_that_json_cannot_hold_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"record\.metrics\.eq8/aupro must be finite, got nan"):
        write_record(tmp_path, made_up(metrics={"eq8/aupro": float("nan")}))


def test_a_record_that_could_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"seconds\.train: should be a valid number, got 'a while'"):
        write_record(tmp_path, made_up(seconds={"train": "a while"}))
    assert list(tmp_path.iterdir()) == []


BROKEN: list[tuple[Any, str]] = [
    ("{", "Expecting property name"),
    ([], "a record is an object, got list"),
    ({"schema": 99}, "schema: should be 1, got 99"),
    ({"metrics": None}, "metrics: is missing"),
    ({"surprise": 1}, "surprise: unknown field, got 1"),
    ({"seed": "0"}, "seed: should be a valid integer, got '0'"),
    ({"seed": True}, "seed: should be a valid integer, got True"),
    (
        {"metrics": {"baseline/pixel_auroc": "high"}},
        "pixel_auroc: should be a valid number, got 'high'",
    ),
    ({"panels": [{"file": 3}]}, "panels.0.file: should be a valid string, got 3"),
]


@pytest.mark.parametrize(("change", "message"), BROKEN)
def test_a_wrong_file_is_named_and_the_others_are_read(tmp_path: Path, change: Any, message: str) -> None:
    write_made_up(tmp_path, made_up())
    path = write_made_up(tmp_path, made_up(seed=1))
    if isinstance(change, dict):
        content = json.loads(path.read_text()) | change
        change = {key: value for key, value in content.items() if value is not None}
    path.write_text(change if isinstance(change, str) else json.dumps(change))
    records, problems = read_records(tmp_path)
    assert [record.seed for record in records] == [0]
    assert len(problems) == 1
    assert problems[0].startswith(f"{path}: ")
    assert message in problems[0]
    assert "\n" not in problems[0]


def test_records_come_in_the_order_of_model_category_and_seed(tmp_path: Path) -> None:
    jobs = [("vae", "grid", 10), ("vae", "grid", 2), ("dsae", "tile", 0), ("vae", "bottle", 0)]
    for model, category, seed in jobs:
        write_made_up(tmp_path, made_up(model, category, seed))
    found = [(record.model, record.category, record.seed) for record in read_records(tmp_path).records]
    assert found == sorted(jobs)


def test_records_are_equal_wherever_they_lie() -> None:
    assert made_up() == replace(made_up(), folder=Path("elsewhere"))


def test_a_published_record_has_no_counts_of_scores(tmp_path: Path) -> None:
    """They are megabytes, and only new images need them. What the page shows of good images stays."""
    network = {"descents": {}, "scores": {"chosen": {"parts": {"msgms": [[1, 2]]}}}}
    rest = {"views": [{"mirror": False, "turns": 0}], "tiles": 64, "good": {"chosen": [0.1, 0.2]}}
    inspection = {**rest, "networks": [network]}
    write_record(tmp_path / "run" / "vae" / "grid" / "0", made_up(inspection=inspection))
    [found] = read_records(tmp_path / "run").records
    published = read_record(publish(tmp_path / "shown", found, tmp_path / "run"))
    assert published.inspection == {**rest, "networks": [{"descents": {}, "scores": {}}]}


def test_a_million_counts_take_few_bytes_more_than_their_digits(tmp_path: Path) -> None:
    """One number a line would be three times as long: such a record could not be read again."""
    counts = [[index, 1] for index in range(100_000)]
    network = {"descents": {}, "scores": {"chosen": {"msgms": counts}}}
    inspection = {"networks": [network], "views": [{"mirror": False, "turns": 0}], "tiles": 64, "good": {}}
    path = write_record(tmp_path, made_up(inspection=inspection))
    assert path.stat().st_size < 1.1 * len(json.dumps(counts)) + 10_000
    assert read_record(path).inspection["networks"] == [network]
    assert '\n "metrics": {\n' in path.read_text(encoding="utf-8"), "all else has a line for each value"


def test_a_published_record_keeps_its_numbers_and_loses_its_paths(tmp_path: Path) -> None:
    config = {
        "folder": "/home/me/outputs/x",
        "data": {"root": "/data/mvtec_ad", "size": 128},
        "stages": ["/a/b", "train"],
    }
    record = made_up(config=config, panels=[{"file": "panels/a.png"}])
    for budget in ("1", "16"):  # two records of one job, in two folders
        write_record(tmp_path / "curve" / budget / "vae" / "grid" / "0", record)
    places = {
        publish(tmp_path / "shown", found, tmp_path / "curve") for found in read_records(tmp_path / "curve").records
    }
    shown = tmp_path / "shown" / "16" / "vae" / "grid" / "0"
    assert places == {shown / "record.json", tmp_path / "shown" / "1" / "vae" / "grid" / "0" / "record.json"}
    again = read_record(shown / "record.json")
    assert again.metrics == record.metrics
    assert again.config == {"folder": "x", "data": {"root": "mvtec_ad", "size": 128}, "stages": ["b", "train"]}
    assert again.panels == []
