"""Seeds of different recipes are not averaged in silence: every output names what differs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_up import made_up, write_made_up

from renormal.report.cli import main
from renormal.report.record import Record, read_record
from renormal.report.table import build_table

PLACES = Path(__file__).parents[2] / "results"


def job(seed: int, model: str = "vae", category: str = "grid", **changes: Any) -> Record:
    """A job of a recipe with many keys that differ from seed to seed and say nothing."""
    config = {
        "seed": seed,
        "folder": f"outputs/try/{model}/{category}/{seed}",
        "threads": 1 + seed,
        "model": {"name": model, "label": "VAE", "optimizer": {"lr": 1e-4}},
        "trainer": {"max_epochs": 2, "accelerator": "cpu"},
        "projections": {"eq8_adam": {"slots": 16 * (1 + seed), "energy": {"weight": 0.05}}},
        "data": {"root": f"/data/{seed}", "epoch_images": 10},
        "inpaint": {"seed": seed},
    }
    values = {"data": {"train_images": 9, "test_good": 2, "test_defective": 3}, "config": config}
    return made_up(model, category, seed, **(values | changes))


def changed(record: Record, *path: str, value: Any) -> Record:
    """The record with one more or another value at this place of its config."""

    def within(node: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
        return node | {keys[0]: within(node.get(keys[0], {}), keys[1:]) if keys[1:] else value}

    return replace(record, config=within(record.config, path))


def notes(*records: Record) -> list[str]:
    return build_table(records).recipes


def test_seeds_of_one_recipe_need_no_note() -> None:
    assert notes(job(0), job(1), job(2)) == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("model", "optimizer", "lr"), 1e-2, "model.optimizer.lr is 0.0001 for seed 0, 0.01 for seed 1"),
        (("projections", "eq8_adam", "energy", "weight"), 0.5, "projections.eq8_adam.energy.weight is 0.05 for seed 0"),
        (("trainer", "max_time"), "00:00:01:00", "trainer.max_time is – for seed 0, 00:00:01:00 for seed 1"),
        (("data", "source"), {"kind": "texture"}, "data.source.kind is – for seed 0, texture for seed 1"),
    ],
)
def test_the_key_and_its_values_are_named(path: tuple[str, ...], value: Any, said: str) -> None:
    (line,) = notes(job(0), changed(job(1), *path, value=value))
    assert line.startswith("VAE grid: the mean is over seeds of different recipes: ")
    assert said in line


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("trainer", "enable_progress_bar"), True),
        (("trainer", "fast_dev_run"), False),
        (("test", "panels"), 3),
        (("logger",), {"csv": {"dir": "x"}}),
        (("data", "source"), {"root": "elsewhere"}),
    ],
)
def test_what_changes_no_number_is_not_named(path: tuple[str, ...], value: Any) -> None:
    assert notes(job(0), changed(job(1), *path, value=value)) == []


def test_other_images_are_named() -> None:
    more = {"train_images": 11, "test_good": 2, "test_defective": 3}
    (line,) = notes(job(0), job(1, data=more))
    assert line.endswith(
        "images is 9 for training and 2 + 3 for the test for seed 0, 11 for training and 2 + 3 for the test for seed 1"
    )
    edited = [job(seed, hashes={"data": digest}) for seed, digest in ((0, "aaaaaaaa"), (1, "bbbbbbbb"))]
    assert "(contents bbbbbbbb) for seed 1" in notes(*edited)[0], "their numbers are the same"
    (line,) = notes(edited[0], job(0, "dsae", hashes={"data": "bbbbbbbb"}))
    assert line.startswith("grid: different images: "), "a row compares models on the same images"


def test_another_precision_is_named() -> None:
    assert (
        "precision is 32-true for seed 0, bf16-mixed for seed 1"
        in notes(job(0, device={"precision": "32-true"}), job(1, device={"precision": "bf16-mixed"}))[0]
    )


def test_cells_that_differ_alike_share_a_line() -> None:
    records = [job(seed, category=category) for category in ("grid", "tile") for seed in (0, 1)]
    odd = [changed(one, "batch_size", value=8 * (1 + one.seed)) for one in records]
    said = "the mean is over seeds of different recipes: batch_size is 8 for seed 0, 16 for seed 1"
    assert notes(*odd) == [f"VAE grid, VAE tile: {said}"]


def test_every_output_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for record in (job(0), changed(job(1), "model", "optimizer", "lr", value=1e-2)):
        write_made_up(tmp_path, record)
    assert main([str(tmp_path)]) == 0
    said = "model.optimizer.lr is 0.0001 for seed 0, 0.01 for seed 1"
    outputs = [capsys.readouterr().out, *((tmp_path / f"table.{kind}").read_text() for kind in ("md", "csv", "tex"))]
    assert all(said in text for text in (*outputs, (tmp_path / "report.html").read_text()))


def test_no_published_table_mixes_recipes() -> None:
    for folder in sorted(path for path in PLACES.iterdir() if path.is_dir()):
        records = [read_record(path) for path in sorted(folder.rglob("record.json"))]
        said = notes(*records)
        assert said == [], folder
