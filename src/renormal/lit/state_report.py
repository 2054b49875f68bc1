"""Reports of the stage and the finished epochs of a running job."""

from __future__ import annotations

from collections.abc import Callable

import lightning as L


class StateReport(L.Callback):
    """Calls `report(stage, epochs finished)` on the first rank: when training, test or an epoch begins, and at the end.

    The checkpoint of an epoch is written at its end, after the hooks of other callbacks: reported there, an epoch might
    be missing in the checkpoint of a killed job.
    """

    def __init__(self, report: Callable[[str, int], None]) -> None:
        self.report = report

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._report(trainer, "train", trainer.current_epoch)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._report(trainer, "train", trainer.current_epoch)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._report(trainer, "train", trainer.current_epoch)

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._report(trainer, "test", trainer.current_epoch)

    def _report(self, trainer: L.Trainer, stage: str, epoch: int) -> None:
        if trainer.is_global_zero:
            self.report(stage, epoch)


def report_stage(trainer: L.Trainer, stage: str) -> None:
    """Report a stage that runs without hooks of Lightning, through the StateReport of the trainer."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, StateReport) and trainer.is_global_zero:
            callback.report(stage, trainer.current_epoch)
