"""Where a job stands, told at every epoch's end to whoever wants to know."""

from __future__ import annotations

from collections.abc import Callable

import lightning as L


class Heartbeat(L.Callback):
    """tell: takes the stage and the epochs finished; called by one rank only."""

    def __init__(self, tell: Callable[[str, int], None]) -> None:
        self.tell = tell

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._tell(trainer, "train", trainer.current_epoch)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._tell(trainer, "train", trainer.current_epoch + 1)

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._tell(trainer, "test", trainer.current_epoch)

    def _tell(self, trainer: L.Trainer, stage: str, epoch: int) -> None:
        if trainer.is_global_zero:
            self.tell(stage, epoch)


def say(trainer: L.Trainer, stage: str) -> None:
    """A sign of life from a stage that is not Lightning's own, to every heartbeat among the trainer's callbacks."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, Heartbeat) and trainer.is_global_zero:
            callback.tell(stage, trainer.current_epoch)
