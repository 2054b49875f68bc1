"""Jobs of adversarial models from the real config: training to record and page, broken off, refused."""

from __future__ import annotations

import csv
import logging
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from offline_run import only_run
from renormal.job.job import run_job
from renormal.lit.adversarial import AdversarialModule
from renormal.report.cli import main
from renormal.report.record import read_record

NARROW = ["model.net.width=16"]
LOSSES = {  # what each player minimizes, and the terms of it
    "anogan": {"discriminator", "real", "drawn", "generator"},
    "f_anogan": {"critic", "distance", "penalty", "generator", "encoder", "pixels", "features"},
    "anovaegan": {"autoencoder", "reconstruction", "kl", "adversarial", "discriminator", "real", "remade"},
}
SHORT = {"anogan": 1, "anovaegan": 1, "f_anogan": 3}  # epochs of two batches, in which every player moves
TURNS = {"f_anogan": ["model.net.critic_steps=2"]}


def small(model: str, *more: str) -> list[str]:
    return [f"model={model}", *NARROW, f"trainer.max_epochs={SHORT[model]}", *TURNS.get(model, []), *more]


def columns(folder: Path) -> set[str]:
    with next(folder.rglob("metrics.csv")).open() as file:
        return set(next(csv.reader(file)))


@pytest.mark.parametrize("model", ["f_anogan", "anovaegan"])
def test_a_job_goes_from_training_to_record_and_page(tiny: Any, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = tiny(*small(model))
    run_job(config)
    folder = Path(config.folder)
    record = read_record(folder / "record.json")
    for method in ("baseline", "eq8_adam", "eq8"):
        assert 0 <= record.metrics[f"{method}/pixel_auroc"] <= 1
    counted = {"images", "epochs", "seconds", "images_per_second"}
    assert record.training.keys() == counted | {f"final_{noun}" for noun in LOSSES[model]}
    assert record.training["images"] == 8 * SHORT[model]
    assert {f"train/{noun}" for noun in LOSSES[model]} <= columns(folder)
    assert {panel["projection"] for panel in record.panels} == {"eq8_adam", "eq8"}
    assert main([str(folder)]) == 0
    page = (folder / "report.html").read_text()
    assert model in page
    assert "final_loss" not in page


def test_each_player_has_its_learning_rate_in_the_log(tiny: Any) -> None:
    config = tiny(*small("f_anogan"), "model.optimizer.encoder.lr=7e-4", "stages=[train]")
    run_job(config)
    with next(Path(config.folder).rglob("metrics.csv")).open() as file:
        row = list(csv.DictReader(file))[-1]
    assert float(row["train/learning_rate/encoder"]) == pytest.approx(7e-4)
    assert float(row["train/learning_rate/critic"]) == pytest.approx(1e-4)
    assert "train/learning_rate" not in row


@pytest.mark.parametrize("model", LOSSES)
def test_a_job_that_was_broken_off_ends_in_the_weights_of_an_undisturbed_one(
    tiny: Any, tmp_path: Path, model: str
) -> None:
    """Networks, both of Adam's moments of every player, and the noise that is drawn."""
    common = [f"model={model}", *NARROW, *TURNS.get(model, []), "trainer.max_epochs=3", "stages=[train]"]
    run_job(tiny(*common, f"folder={tmp_path / 'whole'}"))
    broken = tiny(*common, f"folder={tmp_path / 'halves'}")
    step, seen = AdversarialModule.training_step, list[int]()

    def killed(self: AdversarialModule, batch: torch.Tensor, batch_idx: int) -> None:
        seen.append(batch_idx)
        if len(seen) == 4:  # of six
            raise RuntimeError("the power went")
        step(self, batch, batch_idx)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AdversarialModule, "training_step", killed)
        with pytest.raises(RuntimeError, match="power"):
            run_job(broken)
    run_job(broken)
    files = (tmp_path / place / "checkpoints" / "last.ckpt" for place in ("whole", "halves"))
    whole, halves = (torch.load(file, weights_only=True) for file in files)
    assert len(whole["optimizer_states"]) == len(halves["optimizer_states"]) == len(broken.model.optimizer)
    for part in ("state_dict", "optimizer_states"):
        torch.testing.assert_close(halves[part], whole[part], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            [],
            r"^model=anogan has no f\(x\) \(no method reconstruct\), which projection=\[eq8_adam,eq8\] asks for",
        ),
        (["stages=[train]", "trainer.gradient_clip_val=1"], r"^trainer.gradient_clip_val=1 cannot be applied"),
        (["stages=[train]", "trainer.precision=bf16-true"], r"trainer.precision=32-true, bf16-mixed or auto, got bf16"),
    ],
)
def test_what_anogan_cannot_do_ends_the_job_before_its_training(tiny: Any, arguments: list[str], message: str) -> None:
    config = tiny("model=anogan", *NARROW, *arguments)
    with pytest.raises(ValueError, match=message):
        run_job(config)
    assert not (Path(config.folder) / "checkpoints").exists()


def test_anogan_is_trained_alone(tiny: Any, caplog: pytest.LogCaptureFixture) -> None:
    config = tiny(*small("anogan"), "stages=[train]")
    with caplog.at_level(logging.WARNING):
        run_job(config)
    found = torch.load(Path(config.folder) / "checkpoints" / "last.ckpt", weights_only=True)
    assert len(found["optimizer_states"]) == 2
    assert {f"train/{noun}" for noun in LOSSES["anogan"]} <= columns(Path(config.folder))
    assert caplog.messages == []


@pytest.mark.parametrize("model", ["anogan", "f_anogan", "anovaegan"])
def test_its_cpu_experiment_has_the_settings_that_results_name(tiny: Any, model: str) -> None:
    """From the experiment's own yaml, with a smaller network and drawn images."""
    config = tiny(f"experiment={model}_cpu", "data=rehearsal", *small(model), "trainer.precision=32-true")
    assert config.name == f"{model}_cpu"
    run_job(config)
    assert (Path(config.folder) / "checkpoints" / "last.ckpt").is_file()


def test_a_model_without_an_encoder_is_tested_without_a_baseline(tiny: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Record, samples, panels and page have the projection's column alone."""
    config = tiny(*small("anogan"), "projection=[anogan]", "projections.anogan.max_steps=3")
    run_job(config)
    folder = Path(config.folder)
    record = read_record(folder / "record.json")
    assert {name.partition("/")[0] for name in record.metrics} == {"anogan"}
    assert (record.projections["anogan"]["steps_mean"], record.projections["anogan"]["diverged"]) == (3, 0)
    header = (folder / "samples.csv").read_text().splitlines()[0].split(",")
    assert "anogan/score" in header
    assert not any(name.startswith("baseline") for name in header)
    assert all("f(x0)" not in panel["tiles"] for panel in record.panels)
    assert main([str(folder), "--figures"]) == 0
    assert "anogan" in (folder / "report.html").read_text()


@pytest.mark.parametrize("model", LOSSES)
def test_pictures_of_the_training_leave_it_as_it_is(tiny: Any, tmp_path: Path, model: str) -> None:
    """Otherwise batch norms would count the images that are drawn."""
    weights = []
    for logger in ("csv", "tensorboard"):
        folder = tmp_path / logger
        run_job(tiny(*small(model), f"logger={logger}", f"folder={folder}", "dashboard.every=1", "stages=[train]"))
        weights.append(torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"])
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=0)


@pytest.mark.usefixtures("home")
def test_a_wandb_run_has_every_players_loss_once_an_epoch(tiny: Any) -> None:
    config = tiny(*small("anovaegan"), "logger=wandb", "trainer.max_epochs=2", "stages=[train]")
    run_job(config)
    run = only_run(Path(config.folder))
    assert {noun: len(run.values(f"train/{noun}")) for noun in LOSSES["anovaegan"]} == dict.fromkeys(
        LOSSES["anovaegan"], 2
    )
    assert len(run.values("train/learning_rate/discriminator")) == 2


def test_the_bar_counts_images_and_says_every_players_loss(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Any] = []

    class Bar:
        def __init__(self, **settings: Any) -> None:
            self.total, self.count = settings["total"], settings["initial"]
            said.append(self)

        def update(self, count: int) -> None:
            self.count += count

        def set_postfix_str(self, text: str) -> None:
            said.append(re.sub(r"-?[\d.]+(e[-+]\d+)?", "#", text))

        def close(self) -> None:
            pass

    monkeypatch.setattr("renormal.lit.progress.tqdm", Bar)
    run_job(tiny(*small("f_anogan"), "progress=true", "stages=[train]"))
    bar, *lines = said
    assert bar.count == bar.total == 8 * SHORT["f_anogan"]
    assert lines[0] == "critic #, generator #"
    assert lines[-1] == "critic #, generator #, encoder #"
