"""What a job shows while training and of its test, read back from disk."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from offline_run import only_run
from renormal.boards.board import TensorBoardBoard
from renormal.boards.dashboard import _ends
from renormal.job.job import run_job
from renormal.models import AnoGAN
from renormal.report.record import read_record

pytestmark = pytest.mark.usefixtures("home")


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "samples.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_shows_the_training(tiny: Any) -> None:
    config = tiny("logger=wandb", "model=gamma_vae", "trainer.max_epochs=3", "dashboard.every=2", "seed=4")
    run_job(config)
    run, record = only_run(Path(config.folder)), read_record(Path(config.folder) / "record.json")
    assert (run.run["display_name"], run.run["run_group"]) == ("gamma_vae/bottle/4", "try")
    assert run.run["tags"] == ["gamma_vae", "bottle", "rehearsal"]
    assert run.config["model"]["optimizer"]["lr"] == 1e-4
    assert run.config["trainer"]["max_epochs"] == 3
    losses = run.values("train/loss")
    assert losses[-1] == pytest.approx(record.training["final_loss"])
    assert len(losses) == len(run.values("train/kl")) == len(run.values("train/gamma")) == 3
    assert run.values("train/learning_rate") == pytest.approx([1e-4] * 3)
    assert [row["epoch"] for row in run.history if "train/loss" in row] == [0, 1, 2]
    assert run.metrics["train/*"]["step_metric"] == "epoch"
    assert run.metrics["train/loss"]["summary"] == {"min": True}
    pictures = [row for row in run.history if "train/reconstructions.filenames" in row]
    assert [row["epoch"] for row in pictures] == [0, 2]
    (first,) = pictures[0]["train/reconstructions.filenames"]
    with Image.open(run.folder / "files" / first) as picture:
        assert picture.size == (4 * 32, 2 * 32)
    assert run.exit_code == 0


def test_a_run_shows_the_test(tiny: Any) -> None:
    config = tiny("logger=wandb", "dashboard.samples=3")
    run_job(config)
    run, folder = only_run(Path(config.folder)), Path(config.folder)
    record, rows = read_record(folder / "record.json"), rows_of(folder)
    for name, value in record.metrics.items():
        assert run.values(f"test/{name}") == pytest.approx([value])
        assert run.metrics[f"test/{name}"]["summary"] == {"max": True}
    assert run.values("test/eq8/steps_mean") == [record.projections["eq8"]["steps_mean"]]
    (counts,) = run.values("test/eq8/steps.values")
    assert sum(counts) == record.projections["eq8"]["samples"]
    table = run.table("test/samples")
    assert [row[:2] for row in table["data"]] == [[row["path"], row["defect"]] for row in rows]
    assert table["columns"] == [*rows[0], "eq8_adam/picture", "eq8/picture"]
    drawn = {panel["path"]: Path(panel["file"]).name for panel in record.panels if panel["projection"] == "eq8"}
    assert [row[-1] for row in table["data"]] == [drawn.get(row["path"]) for row in rows]


def test_iterations_begin_at_x0_and_end_where_the_table_of_samples_does(tiny: Any) -> None:
    config = tiny("logger=wandb", "dashboard.samples=100", "dashboard.traces=[eq8]")
    run_job(config)
    run, rows = only_run(Path(config.folder)), rows_of(Path(config.folder))
    energy = run.values("test/eq8/iterations/energy")
    assert energy[0] == pytest.approx(np.mean([float(row["eq8/energy_start"]) for row in rows]), rel=1e-4)
    assert energy[-1] == pytest.approx(np.mean([float(row["eq8/energy_end"]) for row in rows]), rel=1e-4)
    assert run.values("iteration") == list(range(1 + max(int(row["eq8/steps"]) for row in rows)))
    assert run.values("test/eq8/iterations/reconstruction")[0] == pytest.approx(energy[0], rel=1e-6)
    assert run.metrics["test/eq8/iterations/energy"]["step_metric"] == "iteration"
    assert not run.values("test/eq8_adam/iterations/energy"), "only what dashboard.traces names"


def test_masks_lie_over_x0(tiny: Any, rehearsal: Path) -> None:
    config = tiny("logger=wandb", "test.panels=20")
    run_job(config)
    run, record = only_run(Path(config.folder)), read_record(Path(config.folder) / "record.json")
    (names,), (masks,) = run.values("test/eq8/panels.filenames"), run.values("test/eq8/panels.all_masks")
    (captions,) = run.values("test/eq8/panels.captions")
    assert len(names) == record.data["test_good"] + record.data["test_defective"]
    for name, mask, caption in zip(names, masks, captions, strict=True):
        with Image.open(run.folder / "files" / name) as strip:
            assert strip.width == 6 * 32
        truth, found = (
            np.asarray(Image.open(run.folder / "files" / mask[kind]["path"])) for kind in ("truth", "found")
        )
        path = Path(caption.partition(",")[0])
        original = rehearsal / path.parts[0] / "ground_truth" / path.parts[2] / f"{path.stem}_mask.png"
        if "good" in path.parts:
            assert truth.sum() == 0
        else:
            expected = np.asarray(Image.open(original).resize((32, 32), Image.Resampling.NEAREST)) > 0
            assert (truth[:32, :32] != expected).mean() < 0.01
        for mask_of_x0 in (truth, found):
            assert not mask_of_x0[:, 32:].any()
            assert not mask_of_x0[32:].any()


def test_pictures_stand_in_the_rows_where_that_is_asked_for(tiny: Any) -> None:
    run_job(tiny("logger=wandb", "logger.wandb.pictures_in_rows=true"))
    run = only_run(Path(tiny().folder))
    (artifact,) = run.of("artifact")
    paths = [entry["path"] for entry in artifact["manifest"]["contents"]]
    assert artifact["type"] == "run_table"
    assert len([path for path in paths if path.endswith(".png")]) == 4  # two panels of two projections


def test_tensorboard_shows_the_same(tiny: Any) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = tiny("logger=many", "model=gamma_vae", "trainer.max_epochs=2")
    run_job(config)
    events = EventAccumulator(str(Path(config.folder) / "tensorboard"), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    run, tags = only_run(Path(config.folder)), events.Tags()
    for name in ("train/loss", "train/gamma", "test/eq8/pixel_auroc", "test/eq8/iterations/energy"):
        assert [event.value for event in events.Scalars(name)] == pytest.approx(run.values(name), rel=1e-6)
    assert [event.step for event in events.Images("train/reconstructions")] == [0, 1]
    assert {"test/eq8/panels", "test/eq8_adam/panels"} <= set(tags["images"])
    assert tags["histograms"] == ["test/eq8_adam/steps", "test/eq8/steps"]
    assert tags["tensors"] == ["test/samples/text_summary"]
    lines = (Path(config.folder) / "log" / "version_0" / "metrics.csv").read_text().splitlines()
    assert "test/eq8/pixel_auroc" in lines[0]


def test_wandb_keeps_every_panel_and_every_row_beyond_its_caps(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """wandb drops what lies beyond its caps, 108 images and 10 000 rows; both are made small here."""
    import wandb

    monkeypatch.setattr(wandb.Image, "MAX_ITEMS", 2)
    monkeypatch.setattr(wandb.Table, "MAX_ROWS", 2)
    config = tiny("logger=wandb", "test.panels=20", f"data.root={tmp_path / 'drawn'}", "data.good=4")
    run_job(config)
    run, rows = only_run(Path(config.folder)), rows_of(Path(config.folder))
    assert len(rows) > 4
    parts = ["", "_2", "_3", "_4"][: -(-len(rows) // 2)]
    names = [name for part in parts for (names,) in [run.values(f"test/eq8/panels{part}.filenames")] for name in names]
    assert len({*names}) == len(rows)
    assert all((run.folder / "files" / name).is_file() for name in names)
    shown = [row[0] for part in parts for row in run.table(f"test/samples{part}")["data"]]
    assert shown == [row["path"] for row in rows]


def test_tensorboard_shows_every_panel_and_every_picture_of_the_training(tiny: Any, tmp_path: Path) -> None:
    """It shows ten pictures of a series, of more a draw (images_plugin._DEFAULT_DOWNSAMPLING)."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    drawn = [f"data.root={tmp_path / 'drawn'}", "data.good=12"]
    config = tiny("logger=tensorboard", "test.panels=20", *drawn, "trainer.max_epochs=12", "dashboard.every=1")
    run_job(config)
    events = EventAccumulator(str(Path(config.folder) / "tensorboard"), {"images": 10})
    events.Reload()
    shown = [event.step for tag in ("", "_2") for event in events.Images(f"train/reconstructions{tag}")]
    assert shown == list(range(12))
    shown = [event.step for tag in ("", "_2") for event in events.Images(f"test/eq8/panels{tag}")]
    assert shown == list(range(len(rows_of(Path(config.folder)))))


def test_a_curve_that_tensorboard_draws_in_part_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO", "renormal")
    board = TensorBoardBoard(tmp_path)
    monkeypatch.setattr("renormal.boards.board.POINTS", 3)
    board.show_curves({"long": [1.0, 2, 3, 4], "short": [1.0]})
    board.finalize("finished")
    assert "TensorBoard draws 3 of the 4 points of a curve" in caplog.text


def test_a_csv_alone_costs_no_second_descent_and_no_picture(tiny: Any, monkeypatch: Any) -> None:
    def drawn(*_: Any, **__: Any) -> None:
        raise AssertionError("no board needs it")

    for place in ("results.traced", "dashboard._reconstructions"):
        monkeypatch.setattr(f"renormal.boards.{place}", drawn)
    run_job(tiny())
    folder = Path(tiny().folder)
    assert not (folder / "wandb").exists()
    assert "train/learning_rate" in (folder / "log" / "version_0" / "metrics.csv").read_text()


def test_without_f_the_images_of_fixed_z_are_shown_and_without_z_none() -> None:
    model, x = AnoGAN(channels=1, latent=4, size=32, width=16).eval(), torch.zeros(2, 1, 32, 32)
    before = torch.get_rng_state()
    first, second = _ends(model, x), _ends(model, x)
    assert first is not None
    assert second is not None
    assert first.shape == x.shape
    assert torch.equal(first, second)
    assert not torch.equal(first[0], first[1])
    assert torch.equal(before, torch.get_rng_state())
    assert _ends(torch.nn.Identity(), x) is None


@pytest.mark.parametrize("model", ["l2_ae", "vae"])
def test_a_training_that_is_watched_ends_with_the_same_weights(tiny: Any, tmp_path: Path, model: str) -> None:
    weights = []
    for logger in ("none", "many"):
        folder = tmp_path / logger
        run_job(
            tiny(f"logger={logger}", f"folder={folder}", f"model={model}", "trainer.max_epochs=2", "dashboard.every=1")
        )
        weights.append(torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"])
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("dashboard.traces=[eq9]", r"dashboard.traces names \['eq9'\], projection has"),
    ],
)
def test_a_wrong_setting_of_the_dashboard_fails_before_training(tiny: Any, setting: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run_job(tiny(setting))
    assert not list(Path(tiny().folder).rglob("*.ckpt"))
