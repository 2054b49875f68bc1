"""Going on from, or testing, a checkpoint with missing, wrong or foreign parts: one line, and nothing is deleted."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from damage import DELETED, change, put, undigested, untouched

from renormal.job.job import run_job
from renormal.job.resume import faults_of_training
from renormal.lit.module import AutoencoderModule
from renormal.models import L2AE
from renormal.report.record import read_record

pytestmark = pytest.mark.filterwarnings("ignore:The dirpath has changed")  # the folder is a copy
STATES = "optimizer_states/0/"
LOOP = "loops/fit_loop/"


@pytest.fixture(scope="module")
def begun(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that was killed after the first of two epochs."""
    folder, step = tmp_path_factory.mktemp("begun") / "run", AutoencoderModule.training_step

    def killed(self: AutoencoderModule, batch: torch.Tensor, batch_idx: int) -> Any:
        if self.current_epoch == 1:
            raise RuntimeError("the power went")
        return step(self, batch, batch_idx)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AutoencoderModule, "training_step", killed)
        with pytest.raises(RuntimeError, match="power"):
            run_job(small(f"folder={folder}", "trainer.max_epochs=2"))
    return folder


@pytest.fixture
def last(begun: Path, tmp_path: Path) -> Path:
    """The checkpoint of that training in a folder that a test may change."""
    shutil.copytree(begun, tmp_path / "run")
    return tmp_path / "run" / "checkpoints" / "last.ckpt"


def going_on(tiny: Any) -> None:
    run_job(tiny("trainer.max_epochs=2"))


PARTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no loops": (put("loops", DELETED), "loops.fit_loop is missing"),
    "loops of a list": (put("loops", []), "loops.fit_loop is missing"),
    "no progress": (put(LOOP + "epoch_progress", DELETED), "loops.fit_loop is missing"),
    "a progress of text": (put(LOOP + "epoch_progress", "x"), "epoch_progress has another shape"),
    "a count of text": (put(LOOP + "epoch_progress/current/completed", "x"), "epoch_progress has another shape"),
    "a negative count": (put(LOOP + "epoch_loop.batch_progress/total/ready", -1), "batch_progress has another shape"),
    "no optimizers": (put("optimizer_states", DELETED), "optimizer_states is missing"),
    "none of the optimizers": (put("optimizer_states", []), "optimizer_states has 0 entries, and 1 are expected"),
    "optimizers of a dict": (put("optimizer_states", {}), "optimizer_states is missing"),
    "an optimizer of text": (put("optimizer_states", ["x"]), "optimizer_states has another shape"),
    "an optimizer without groups": (put(STATES + "param_groups", DELETED), "optimizer_states has another shape"),
    "groups of text": (put(STATES + "param_groups", ["x"]), "optimizer_states has another shape"),
    "a rate of text": (put(STATES + "param_groups/0/lr", "x"), "optimizer_states has another shape"),
    "a negative rate": (put(STATES + "param_groups/0/lr", -1.0), "optimizer_states has another shape"),
    "no moments": (put(STATES + "state", {}), "optimizer_states has another shape"),
    "a moment of another weight": (put(STATES + "state/1000", {}), "optimizer_states has another shape"),
    "a moment of another shape": (put(STATES + "state/0/exp_avg", torch.ones(1)), "optimizer_states has another shape"),
    "a moment of another type": (
        lambda c: c["optimizer_states"][0]["state"][0].update(step=torch.ones((), dtype=torch.int8)),
        "optimizer_states has another shape",
    ),
    "no schedulers": (put("lr_schedulers", DELETED), "lr_schedulers is missing"),
    "a further scheduler": (lambda c: c["lr_schedulers"].append({}), "lr_schedulers has 1 entries, and 0 are expected"),
    "whole numbers as weights": (
        lambda c: c["state_dict"].update({key: one.to(torch.int8) for key, one in c["state_dict"].items()}),
        "is of torch.int8, in the network of torch.float32",
    ),
    "a moment of nan": (
        lambda c: c["optimizer_states"][0]["state"][0]["exp_avg"].fill_(torch.nan),
        "optimizer_states is not finite",
    ),
}


@pytest.mark.parametrize("part", PARTS)
def test_a_missing_or_wrong_part_of_a_training_is_named(begun: Path, part: str) -> None:
    content = torch.load(begun / "checkpoints" / "last.ckpt", weights_only=True)
    module = AutoencoderModule(L2AE(channels=3, size=32), optimizer=torch.optim.Adam)
    trainer = L.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    assert list(faults_of_training(content, trainer, module)) == []
    edit, line = PARTS[part]
    edit(content)
    assert line in next(faults_of_training(content, trainer, module))


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (lambda c: c["state_dict"]["model.encoder.0.bias"].add_(1e-7), "its content has changed"),
        (lambda c: c["optimizer_states"][0]["state"][0]["exp_avg"].neg_(), "its content has changed"),
    ],
)
def test_a_bit_that_has_changed_since_is_found(tiny: Any, last: Path, edit: Any, line: str) -> None:
    change(last, edit)
    refused(tiny, last, line)


@pytest.mark.parametrize(
    "edit",
    [
        put("state_dict/model.encoder.0.bias", torch.ones(3)),
        put(STATES + "state/0/exp_avg", torch.ones(1)),
        put("pytorch-lightning_version", "the newest"),
    ],
)
def test_what_lightning_cannot_take_is_one_line(tiny: Any, last: Path, edit: Any) -> None:
    undigested(last, edit)
    refused(tiny, last, "cannot be continued: ")


def refused(tiny: Any, last: Path, line: str) -> None:
    with untouched(last.parent), pytest.raises(ValueError, match=line) as error:
        going_on(tiny)
    assert str(error.value).startswith(str(last))


def test_a_link_that_leads_nowhere_is_no_reason_to_train_again(tiny: Any, last: Path) -> None:
    last.unlink()
    last.symlink_to("/nowhere/last.ckpt")
    refused(tiny, last, "does not exist")


def test_what_a_checkpoint_names_is_not_deleted(tiny: Any, last: Path) -> None:
    """Lightning's ModelCheckpoint, which older checkpoints name, deletes what it takes for the one before."""
    kept = last.with_name("other-12345678.ckpt")
    kept.touch()
    undigested(last, put("callbacks/ModelCheckpoint", {"best_model_path": str(kept)}))
    going_on(tiny)
    assert kept.exists()


def test_a_record_knows_the_weights_that_it_was_measured_with(tiny: Any, tmp_path: Path) -> None:
    run_job(tiny())
    folder = Path(tiny().folder)
    last, record = folder / "checkpoints" / "last.ckpt", folder / "record.json"
    assert len(read_record(record).hashes["weights"]) == 64
    run_job(tiny("stages=[test]", "projection=[eq8]"))
    undigested(last, lambda c: c["state_dict"]["model.encoder.0.bias"].add_(1e-7))
    for place in ([], [f"checkpoint={last}", f"folder={tmp_path / 'elsewhere'}"]):
        with pytest.raises(ValueError, match=r"last\.ckpt has other weights than its job's record\.json"):
            run_job(tiny("stages=[test]", *place))
    before = read_record(record).hashes["weights"]
    run_job(tiny("stages=[test]", "rerun=true"))
    assert read_record(record).hashes["weights"] != before


def test_moments_that_were_changed_and_written_again_without_the_digest_are_refused(last: Path, tiny: Any) -> None:
    def edit(content: dict[str, Any]) -> None:
        content.pop("digest")
        content["optimizer_states"][0]["state"][0]["exp_avg"] += 1e-3

    change(last, edit)
    before = last.read_bytes()
    with pytest.raises(ValueError, match=r"last\.ckpt .*it was written again without its digest: take another copy"):
        going_on(tiny)
    assert last.read_bytes() == before


def test_a_training_that_goes_on_from_an_older_version_says_that_nobody_can_see_a_change(
    last: Path, tiny: Any, caplog: pytest.LogCaptureFixture
) -> None:
    undigested(last, lambda content: None)
    going_on(tiny)
    assert "is of an older version and has no digest: nobody can see whether it was changed" in caplog.text
    assert read_record(last.parents[1] / "record.json").training["images"] == 16
