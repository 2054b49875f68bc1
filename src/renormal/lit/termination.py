"""SIGTERM in a job of several ranks."""

from __future__ import annotations

import signal
from types import FrameType

import lightning as L


class EndAtOnce(L.Callback):
    """Ends this rank, and with it the job; the same command goes on after the last whole epoch.

    Lightning 2.6 tells the other ranks by a collective from inside its signal handler. Whatever they are doing then is
    another collective, and all of them wait for one another for ever. Whoever handled SIGTERM before goes on doing so.
    """

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Before Lightning takes SIGTERM over."""
        before = signal.getsignal(signal.SIGTERM)
        self.handler = before if callable(before) else _end

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._take_back(trainer)

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._take_back(trainer)

    def _take_back(self, trainer: L.Trainer) -> None:
        if trainer.world_size > 1:
            signal.signal(signal.SIGTERM, self.handler)


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
