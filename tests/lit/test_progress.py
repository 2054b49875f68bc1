"""What a job says of its progress where there is no terminal, as in a cluster's log."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import lightning as L
import pytest
from tested import data_of, module_of

from renormal.lit import progress
from renormal.lit.progress import Progress

LINE = re.compile(r"parts/0 train: (\d+) of 16 images, \S+ images/s, \d+ more minutes, until about \d\d:\d\d")


def lines_of(caplog: pytest.LogCaptureFixture, tmp_path: Path, *, enabled: bool = True) -> list[int]:
    """How many images each line counts, of a training of 2 epochs of 8 images in batches of 4."""
    data = data_of(tmp_path, "bottle")
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=2,
        logger=False,
        callbacks=[Progress("parts/0", enabled=enabled)],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with caplog.at_level(logging.INFO, "renormal"):
        trainer.fit(module_of(data), datamodule=data)
    return [int(match[1]) for record in caplog.records if (match := LINE.fullmatch(record.getMessage()))]


def test_the_first_line_comes_early_and_the_others_at_their_distance(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setattr(progress, "FIRST", 0.0)
    assert lines_of(caplog, tmp_path) == [4]
    caplog.clear()
    monkeypatch.setattr(progress, "EACH", 0.0)
    assert lines_of(caplog, tmp_path) == [4, 8, 12, 16]


def test_a_short_job_says_nothing_and_neither_does_a_silent_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    assert lines_of(caplog, tmp_path) == []
    monkeypatch.setattr(progress, "FIRST", 0.0)
    assert lines_of(caplog, tmp_path, enabled=False) == []
