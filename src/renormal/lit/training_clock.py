"""Images, epochs, seconds and last losses of a training. The checkpoint keeps them over interruptions."""

from __future__ import annotations

import time
from typing import Any

import lightning as L

from renormal.functional.transfer import waited_for
from renormal.lit.datamodule import SourceData
from renormal.lit.module import AutoencoderModule


class TrainingClock(L.Callback):
    """Adds up images and seconds of each batch; a resumed training continues from the sums in its checkpoint."""

    def __init__(self) -> None:
        self.seconds, self.images = 0.0, 0
        self.epoch_images = 0  # of a whole epoch, over all ranks; 0: not known
        self.losses: dict[str, float] = {}
        self.start = 0.0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        data = getattr(trainer, "datamodule", None)
        batch = data.batch_size if isinstance(data, SourceData) else 0
        self.epoch_images = int(trainer.num_training_batches) * batch * trainer.world_size
        self.start = time.perf_counter()  # a training may go on within an epoch

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.start = time.perf_counter()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        images = batch[0] if isinstance(batch, tuple) else batch  # one part of what is made of them
        self.images += len(images) * trainer.world_size
        self._add_seconds()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        waited_for(pl_module.device)
        self._add_seconds()
        if isinstance(pl_module, AutoencoderModule):  # `|=`: the losses of some players end earlier
            self.losses |= {name: mean.item() for name, mean in pl_module.epoch_means().items()}

    def _add_seconds(self) -> None:
        now = time.perf_counter()
        self.seconds, self.start = self.seconds + now - self.start, now

    def state_dict(self) -> dict[str, Any]:
        sums = {"seconds": self.seconds, "images": self.images, "epoch_images": self.epoch_images}
        return {**sums, "losses": self.losses}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.seconds, self.images = state_dict["seconds"], state_dict["images"]
        self.epoch_images = state_dict.get("epoch_images", 0)  # a checkpoint may be older
        self.losses = state_dict["losses"]

    def lack(self, trainer: L.Trainer) -> str:
        """A clause for messages if the training ended before its last epoch or step; else empty."""
        if not self.images:
            return "0 images"
        asked = (trainer.max_epochs or 0) * self.epoch_images
        if self.images >= asked or 0 <= trainer.max_steps <= trainer.global_step:
            return ""
        epochs = f"{self.images / self.epoch_images:.3g} of {trainer.max_epochs} epochs"
        return f"{epochs}, {self.images} of {asked} images"

    def report(self) -> dict[str, float | None]:
        """For the record; empty before the first epoch has ended. Several losses are recorded one by one."""
        if not self.images:
            return {}
        final = {"final_loss": self.losses["train/loss"]} if "train/loss" in self.losses else self._several()
        return {
            "images": float(self.images),
            "epochs": self.images / self.epoch_images if self.epoch_images else None,
            "seconds": self.seconds,
            "images_per_second": self.images / self.seconds,
            **final,
        }

    def _several(self) -> dict[str, float]:
        """The last loss of every player, and its terms."""
        nouns = {name.removeprefix("train/"): value for name, value in self.losses.items()}
        return {f"final_{noun}": value for noun, value in nouns.items() if not noun.startswith("learning_rate")}
