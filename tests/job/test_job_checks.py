"""What a job refuses before its work: settings of the test and names of its columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.errors import InstantiationException

from renormal.job import job
from renormal.job.checks import check_kinds, check_names, check_share, check_test
from renormal.job.job import run_job
from renormal.lit.columns import Columns
from renormal.projection import Descent
from renormal.report.record import read_record
from renormal.scores import DSSIM, SquaredError

EQ8 = {"eq8": Descent(), "eq8_adam": Descent()}
ERROR = SquaredError()


def columns(projections: Any = EQ8, scores: Any = None, *, crossed: bool = False) -> Columns:
    return Columns(projections=projections, score=DSSIM(), scores=scores or {}, crossed=crossed)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (columns({"baseline": Descent()}), "can be called baseline"),
        (columns(scores={"baseline": ERROR}), "can be called baseline"),
        (columns(scores={"eq8": ERROR}), "eq8: a score and a projection cannot share"),
        (columns(scores={"error": ERROR, "eq8_error": ERROR}, crossed=True), r"eq8_error: test\.crossed=true makes a"),
        (
            columns(scores={"error": ERROR, "adam_error": ERROR}, crossed=True),
            r"eq8_adam_error: test\.crossed=true makes a column of that name",
        ),
    ],
)
def test_two_columns_of_one_name_are_refused(given: Columns, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_names(given)


def test_names_that_would_only_clash_if_crossed_are_taken() -> None:
    check_names(columns(scores={"error": ERROR, "eq8_error": ERROR}))


def test_a_setting_without_its_yaml_is_refused() -> None:
    with pytest.raises(ValueError, match=r"projections.eq8 is no descent: add it to projection=\[...\]"):
        check_kinds(columns({"eq8": {"step_size": 1.0}}))
    with pytest.raises(ValueError, match=r"scores.kl is no score: add it with '\+score@scores.kl="):
        check_kinds(columns(scores={"kl": {"sigma": 3}}))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("test.curves=[eq9]", r"test\.curves names \['eq9'\], projection has \['eq8', 'eq8_adam'\]"),
        ("test.drawn=[eq9]", r"test\.drawn names \['eq9'\], projection has \['eq8', 'eq8_adam'\]"),
        ("dashboard.traces=[chosen]", r"dashboard\.traces names \['chosen'\], projection has"),
    ],
)
def test_names_of_no_projection_are_refused(tiny: Any, override: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_test(tiny(override), columns())


def test_the_chosen_column_may_be_drawn_and_traced_where_a_stage_chooses(tiny: Any) -> None:
    check_test(tiny("stages=[train,choose,test]", "test.drawn=[chosen]", "dashboard.traces=[chosen,eq8]"), columns())


def test_a_former_key_of_a_users_own_yaml_is_not_ignored(tiny: Any) -> None:
    with pytest.raises(ValueError, match="calibrate is now choose: rename the key in your yaml"):
        run_job(tiny("+calibrate.holdout=5"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "model.optimizer._target_=torch.optim.LBFGS",
            "model.optimizer._target_=torch.optim.LBFGS: got an unexpected keyword argument 'fused'; it takes params, ",
        ),
        ("model.net._target_=os.system", r"^model\.net\._target_=os\.system: got an unexpected keyword argument"),
    ],
)
def test_what_a_library_refuses_about_its_own_settings_is_one_line(tiny: Any, override: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run_job(tiny(override))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("+trainer.limit_train_batches=0.0001", "=0.0001 is no batch: an epoch has 2, give at least 0.5"),
        ("+trainer.overfit_batches=0.1", "=0.1 is no batch: an epoch has 2, give at least 0.5"),
        ("+trainer.limit_test_batches=0.0001", "trainer.limit_test_batches=0.0001 is no batch: the test has "),
    ],
)
def test_a_share_of_the_batches_that_is_none_is_refused_before_the_work(tiny: Any, override: str, message: str) -> None:
    config = tiny(override, "data.epoch_images=16", "batch_size=8", "test.samples=4")
    with pytest.raises(ValueError, match=message):
        run_job(config)
    assert not (Path(config.folder) / "checkpoints").exists()


def test_a_share_that_is_a_batch_is_taken(tiny: Any) -> None:
    for share in (0.5, 1.0, 1, 0.25):
        check_share(tiny(f"+trainer.limit_test_batches={share}"), "limit_test_batches", 4, "the test")


def test_settings_that_no_object_takes_are_refused_before_an_image_is_decoded(
    tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "build_data", lambda *_: pytest.fail("decoded"))
    with pytest.raises(InstantiationException, match=r"one of mean=9 and share=0\.1, not both"):
        run_job(tiny("score.smooth.mean=9", "score.smooth.share=0.1"))
    with pytest.raises(ValueError, match=r"projections\.\w+\.foo does not exist: .* take it out of choose.axes"):
        run_job(tiny("experiment=choose", "+choose.axes.foo=[1]"))
    monkeypatch.setattr(job, "source_of", lambda *_: pytest.fail("listed"))
    with pytest.raises(ValueError, match=r"test\.drawn names \[1, 2\], projection has"):
        run_job(tiny("test.drawn=[1,2]"))


def test_names_of_digits_are_text_in_the_record(tiny: Any) -> None:
    run_job(tiny("name=5", "model.name=7", "model.label=1e3", "data.name=8", "logger=wandb", "test.panels=0"))
    record = read_record(Path(tiny().folder) / "record.json")
    assert (record.name, record.model) == ("5", "7")
    assert [record.config["model"]["label"], record.config["data"]["name"]] == ["1000.0", "8"]


@pytest.mark.parametrize("kind", ["gpu", "cuda", "mps"])
def test_a_device_that_is_not_there_is_named_before_images_are_listed(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(job, "source_of", lambda config: pytest.fail("the images are listed"))
    with pytest.raises(ValueError, match=f"^trainer.accelerator={kind}: PyTorch finds no such device here: give cpu"):
        run_job(tiny(f"trainer.accelerator={kind}"))


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("trainer.devices=[1,2]", r"^trainer.devices=\[1, 2\] is a list of GPUs, and the job runs on a CPU"),
        ("++data.source.root=null", r"data.root=null, but the drawn images need a folder"),
    ],
)
def test_a_value_that_this_job_cannot_use_is_one_line(tiny: Any, override: str, line: str) -> None:
    with pytest.raises((ValueError, InstantiationException), match=line):
        run_job(tiny(override))


def test_weights_that_do_not_fit_are_refused_before_an_image_is_decoded(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renormal.lit.datamodule.load_training", lambda *_, **__: pytest.fail("decoded"))
    torch.save({"weight": torch.ones(1)}, tmp_path / "net.pt")
    with pytest.raises(ValueError, match=r"net\.pt does not fit model=l2_ae on bottle: \S+ is missing"):
        run_job(tiny("stages=[test]", f"checkpoint={tmp_path / 'net.pt'}"))


def test_a_checkpoint_that_holds_no_weights_is_refused_before_the_images_are_listed(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "source_of", lambda *_: pytest.fail("listed"))
    torch.save(torch.nn.Linear(1, 1), tmp_path / "net.pt")
    with pytest.raises(ValueError, match=r"^checkpoint=\S+net\.pt holds an object of torch\.nn\.\S+Linear"):
        run_job(tiny("stages=[test]", f"checkpoint={tmp_path / 'net.pt'}"))
