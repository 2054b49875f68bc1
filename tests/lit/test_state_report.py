"""What state.json names is on disk: a job that is killed at any time goes on after at least so many epochs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from renormal.job.checkpoints import checkpoint_of, read_checkpoint
from renormal.job.job import run_job


def test_an_epoch_is_reported_when_its_checkpoint_is_written(tiny: Any) -> None:
    config = tiny("trainer.max_epochs=3", "stages=[train]")
    path, said = checkpoint_of(Path(config.folder)), []

    def report(stage: str, epoch: int | None) -> None:
        if stage == "train":
            said.append((epoch, read_checkpoint(path)["epoch"] + 1 if path.is_file() else 0))

    run_job(config, report=report)
    assert all(epoch == held for epoch, held in said), said
    assert [epoch for epoch, _ in said] == [0, 0, 1, 2, 3], "the start, each epoch, the end"
