"""When a training is saved: after each epoch, every few minutes, and when it is interrupted."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint

from renormal.console.held_signals import HeldSignals

PATIENCE = 20.0  # seconds that an interrupt waits for the end of a batch, ours; SLURM kills 30 s after its warning
SHARE = 0.01  # of the time at most goes into checkpoints within an epoch, ours


class LastCheckpoint(Checkpoint):
    """Writes one file after each epoch, every `minutes` within an epoch, and at an interrupt or an early stop.

    A training goes on from it as if it had never ended. A signal waits for the end of its batch, at most PATIENCE
    seconds, and is followed when the file is written. All ranks save after the same batch. minutes=None: none by time.
    """

    def __init__(self, path: Path, *, minutes: float | None) -> None:
        self.path, self.seconds = path, math.inf if minutes is None else 60 * minutes
        self.signals = HeldSignals(PATIENCE)
        self.due = math.inf
        self.last = -1  # number of the last batch in the file, from the start of the training
        self.stopped = False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.due = time.monotonic() + self.seconds
        self.signals.hold()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Follow a signal of the epoch's end here: only now the loggers have the means of that epoch."""
        self._follow()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        done = batch_idx + 1
        if done == trainer.num_training_batches or done % trainer.accumulate_grad_batches:
            return  # the epoch's end comes next, or there are gradients, which no checkpoint has
        stops, self.stopped = trainer.should_stop and not self.stopped, trainer.should_stop
        due = stops or bool(self.signals.came) or time.monotonic() >= self.due
        if trainer.strategy.reduce_boolean_decision(due, all=False):
            self._save(trainer)
            self._follow()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """An epoch that was stopped early has its checkpoint already, which can go on within it."""
        if self.last != trainer.fit_loop.total_batch_idx:
            self._save(trainer)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.signals.release()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        self.signals.release()

    def _save(self, trainer: L.Trainer) -> None:
        start = time.monotonic()
        trainer.save_checkpoint(self.path)
        end = time.monotonic()
        self.due, self.last = end + max(self.seconds, (end - start) / SHARE), trainer.fit_loop.total_batch_idx

    def _follow(self) -> None:
        if self.signals.came:
            self.signals.release()
            self.signals.hold()  # its handler may let the training go on
