"""The progress of a job: all images of all epochs, then all projections of all test samples."""

from __future__ import annotations

import logging
import math
import time
from datetime import datetime, timedelta
from typing import Any

import lightning as L
from tqdm import tqdm

from renormal.lit.datamodule import SourceData
from renormal.lit.module import AutoencoderModule

LINE = "%s: %d of %d %ss, %.3g %ss/s, %.0f more minutes, until about %s"
FIRST, EACH = 60.0, 600.0  # seconds to the first line of the log, and between later ones; ours
log = logging.getLogger("renormal")


class Progress(L.Callback):
    """A bar with images done, images per second and the time left; without a terminal lines of the log instead.

    With a bar there is one line, after a minute, for the log. name: of the job. line: of the screen; jobs that run at
    the same time have one line each.
    """

    def __init__(self, name: str, *, line: int = 0, enabled: bool = True) -> None:
        self.name, self.line, self.enabled = name, line, enabled
        self.bar: tqdm[Any] | None = None
        self.title = self.unit = ""
        self.start = self.due = 0.0
        self.total = self.done = self.initial = 0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        each = _images_a_batch(trainer)
        done = trainer.current_epoch * int(trainer.num_training_batches)  # in batches; one batch may have several steps
        self._open("train", int(trainer.estimated_stepping_batches) * each, done * each, trainer)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._count(_images_a_batch(trainer))

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        nouns = pl_module.objectives if isinstance(pl_module, AutoencoderModule) else ()
        losses = {noun: trainer.callback_metrics.get(f"train/{noun}") for noun in nouns}
        said = [f"{noun} {loss.item():.4g}" for noun, loss in losses.items() if loss is not None]
        if self.bar is not None and said:
            self.bar.set_postfix_str(", ".join(said))

    def begin_test(self, trainer: L.Trainer, descents: int) -> None:
        """Open the bar of the test. descents: of this rank; samples × projections × models × views."""
        self._open("test", descents, 0, trainer, unit="projection")

    def finished(self, descents: int) -> None:
        """Count descents that have just ended."""
        self._count(descents)

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def _count(self, units: int) -> None:
        if self.bar is None:
            return
        self.bar.update(units)
        self.done += units
        now = time.perf_counter()
        if now >= self.due:
            self._say(now)
            self.due = now + EACH if self.bar.disable else math.inf

    def _say(self, now: float) -> None:
        """One line of the log with the speed since the stage began, and its end at that speed."""
        rate = (self.done - self.initial) / (now - self.start)
        left = (self.total - self.done) / rate
        end = (datetime.now() + timedelta(seconds=left)).strftime("%H:%M")
        log.info(LINE, self.title, self.done, self.total, self.unit, rate, self.unit, left / 60, end)

    def _open(self, stage: str, total: int, done: int, trainer: L.Trainer, unit: str = "image") -> None:
        if self.enabled and trainer.is_global_zero:
            self.title, self.unit, self.total, self.done, self.initial = f"{self.name} {stage}", unit, total, done, done
            self.start = time.perf_counter()
            self.due = self.start + FIRST
            self.bar = tqdm(
                desc=self.title,
                total=total,
                initial=done,
                unit=unit,
                position=self.line,
                leave=False,
                disable=None,  # where stderr is no terminal
                dynamic_ncols=True,
            )


def _images_a_batch(trainer: L.Trainer) -> int:
    data = trainer.datamodule  # type: ignore[attr-defined]
    return data.batch_size * trainer.world_size if isinstance(data, SourceData) else 1
