"""What a job returns to an optimizer: without labels unless a labelled number is asked for by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from renormal.data.memory import load_spare
from renormal.inspect.load import load
from renormal.job import job
from renormal.job.fingerprints import source_of
from renormal.job.job import run_job
from renormal.job.objective import number_of
from renormal.report.record import Record, read_record

CHOOSING = ["stages=[train,choose,test]", "choose.defects=4", "choose.axes={energy: {weight: [0.0, 0.1]}}"]


def record_of(config: Any) -> Record:
    return read_record(Path(config.folder) / "record.json")


def test_the_loss_of_held_out_images_is_that_of_images_the_training_never_saw(tiny: Any) -> None:
    config = tiny("choose.holdout=3")
    number = run_job(config)
    record = record_of(config)
    source = source_of(config)
    assert len(source.spare) == 2
    images = load_spare(source, size=32, channels=3).float() / 255
    model = load(config.folder).model.eval()
    with torch.no_grad():
        expected = ((model.reconstruct(images).image - images) ** 2).sum(dim=(1, 2, 3)).mean()
    assert number == pytest.approx(expected.item(), rel=1e-4)
    assert record.training["held_out_loss"] == number
    assert run_job(config) == number, "of the record, without any work"


def test_a_job_that_chooses_returns_the_measure_on_planted_defects(tiny: Any) -> None:
    config = tiny("projection=[eq8]", *CHOOSING, "choose.holdout=3")
    number = run_job(config)
    assert number == record_of(config).choice["chosen"]["metrics"]["pixel_auroc"]


def test_a_labelled_number_is_returned_only_where_it_is_named(tiny: Any) -> None:
    assert run_job(tiny()) is None
    record = record_of(tiny())
    found = {key: value for key, value in record.metrics.items() if key.endswith("/pixel_auroc")}
    assert len(found) == 3
    assert run_job(tiny("objective=pixel_auroc")) == max(found.values())
    assert run_job(tiny("objective=baseline/pixel_auroc")) == found["baseline/pixel_auroc"]


def test_a_training_alone_has_a_number_too(tiny: Any) -> None:
    number = run_job(tiny("stages=[train]", "choose.holdout=3"))
    assert number is not None
    assert number > 0


def test_a_record_without_the_number_returns_none_and_says_what_it_has(
    tiny: Any, caplog: pytest.LogCaptureFixture
) -> None:
    run_job(tiny("projection=[]"))
    assert run_job(tiny("objective=baseline/recall/none", "projection=[]")) is None
    assert "objective=baseline/recall/none: this job has no such number, only baseline/pixel_auroc, " in caplog.text


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["objective=planted"], "objective=planted is measured by the stage choose: add it to the stages"),
        (["objective=held_out"], "needs good images kept from training: add choose.holdout=10"),
        (["objective=pixel_auroc", "stages=[train]"], "is measured by a test: add test to the stages"),
        (["objective=-1"], "objective=-1: give the name of a number"),
        (["objective=nope"], "no such number. It has planted, held_out, and of each column pixel_auroc, average_prec"),
        (["objective=eq9/pixel_auroc"], "baseline/pixel_auroc names one column, pixel_auroc the best of them"),
        (["objective=aupro_0.07"], "objective=aupro_0.07: this job has no such number"),
        (["objective=chosen/aupro"], "objective=chosen/aupro: this job has no such number"),
    ],
)
def test_an_objective_that_a_job_cannot_have_ends_it_before_its_work(
    tiny: Any, overrides: list[str], message: str
) -> None:
    config = tiny(*overrides)
    with pytest.raises(ValueError, match=message):
        run_job(config)
    assert not (Path(config.folder) / "checkpoints").exists()


def test_the_best_of_a_metrics_columns_counts() -> None:
    metrics = {"baseline/pixel_auroc": 0.8, "eq8/pixel_auroc": 0.9, "eq8/aupro": 0.95}
    record = Record(name="x", model="vae", category="grid", kind="texture", seed=0, metrics=metrics)
    assert number_of(record, "pixel_auroc") == 0.9
    assert number_of(record, "baseline/pixel_auroc") == 0.8
    assert number_of(record, "held_out") is None
    assert number_of(record, "planted") is None


MORE = ["test.aupro_limits=[0.05]", "+score@scores.error=squared_error", "test.crossed=true"]
SAMPLING = ["model=vae", "projection=[]", "sample.epochs=1", "sample.net.width=16", "sample.batch_size=4"]
REPAIRING = ["stages=[train,inpaint]", "projection=[inpaint,inpaint_blind]", "descent.max_steps=3"]


@pytest.mark.parametrize(
    ("overrides", "number"),
    [
        (["projection=[eq8]", *CHOOSING, *MORE], "chosen/aupro_0.05"),
        (["stages=[train,sample]", *SAMPLING], "second_stage/frechet_z"),
        (REPAIRING, "inpaint_blind_reconstructed/squares_psnr_hole"),
    ],
)
def test_every_number_of_a_record_is_known_before_the_work(
    tiny: Any, overrides: list[str], number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: list[str] = []
    monkeypatch.setattr(job, "check_number", lambda _, numbers: known.extend(numbers))
    run_job(tiny(*overrides))
    found = record_of(tiny(*overrides)).metrics.keys()
    assert number in found
    assert found - set(known) == set()
