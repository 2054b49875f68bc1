"""SIGTERM in a training or a test."""

from __future__ import annotations

import signal
from types import FrameType

import lightning as L


class EndAtOnce(L.Callback):
    """Ends this rank, and with it the job. The same command goes on from its last checkpoint.

    Lightning 2.6 ends a training with status 0. Of several ranks it informs the others by a collective inside its
    signal handler: they are in another collective at that time, and all ranks wait for ever. This callback restores
    the earlier handler, but not submitit's alone, which ignores the signal.
    """

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Keep the handler of SIGTERM, before Lightning replaces it."""
        before = signal.getsignal(signal.SIGTERM)
        self.handler = before if callable(before) else _end

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._take_back(trainer)

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._take_back(trainer)

    def _take_back(self, trainer: L.Trainer) -> None:
        if trainer.world_size > 1 or not str(getattr(self.handler, "__module__", "")).startswith("submitit"):
            signal.signal(signal.SIGTERM, self.handler)


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
