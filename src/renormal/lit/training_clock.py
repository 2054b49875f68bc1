"""What a training was, across interruptions: images, seconds, last losses. It travels in the checkpoint."""

from __future__ import annotations

import time
from typing import Any

import lightning as L


class TrainingClock(L.Callback):
    """Adds up epoch by epoch; a training that goes on from a checkpoint counts on from what that had taken."""

    def __init__(self) -> None:
        self.seconds, self.images = 0.0, 0
        self.losses: dict[str, float] = {}
        self.start = 0.0

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.start = time.perf_counter()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.images += len(batch) * trainer.world_size

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.seconds += time.perf_counter() - self.start
        metrics = trainer.callback_metrics.items()
        self.losses |= {name: value.item() for name, value in metrics if name.startswith("train/")}  # some end earlier

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.seconds, "images": self.images, "losses": self.losses}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.seconds, self.images = state_dict["seconds"], state_dict["images"]
        self.losses = state_dict["losses"]

    def report(self) -> dict[str, float | None]:
        """For the record; empty before the first epoch has ended. Several losses have no sum: each stands alone."""
        if not self.images:
            return {}
        final = {"final_loss": self.losses["train/loss"]} if "train/loss" in self.losses else self._several()
        return {
            "images": float(self.images),
            "seconds": self.seconds,
            "images_per_second": self.images / self.seconds,
            **final,
        }

    def _several(self) -> dict[str, float]:
        """The last value of every player's loss and of its terms."""
        nouns = {name.removeprefix("train/"): value for name, value in self.losses.items()}
        return {f"final_{noun}": value for noun, value in nouns.items() if not noun.startswith("learning_rate")}
