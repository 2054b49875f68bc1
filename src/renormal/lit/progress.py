"""One bar for a whole job: every image of every epoch, then every projection of every test sample."""

from __future__ import annotations

from typing import Any

import lightning as L
from tqdm import tqdm

from renormal.functional.tiles import tiles
from renormal.lit.datamodule import SourceData
from renormal.lit.projection_callback import ProjectionCallback


class Progress(L.Callback):
    """Images done, images a second, time left. Silent where nobody watches (no terminal).

    name: of the job. line: where the bar stands, so that jobs side by side have their own.
    """

    def __init__(self, name: str, *, line: int = 0, enabled: bool = True) -> None:
        self.name, self.line, self.enabled = name, line, enabled
        self.bar: tqdm[Any] | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        each = _images_a_batch(trainer)
        self._open("train", int(trainer.estimated_stepping_batches) * each, trainer.global_step * each, trainer)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.bar is not None:
            self.bar.update(_images_a_batch(trainer))

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        loss = trainer.callback_metrics.get("train/loss")
        if self.bar is not None and loss is not None:
            self.bar.set_postfix_str(f"loss {loss.item():.4g}")

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        data = trainer.datamodule  # type: ignore[attr-defined]
        images = len(range(trainer.global_rank, len(data.test.images), trainer.world_size))
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, ProjectionCallback):
                each = tiles(data.size, data.patch_size, callback.stride) * len(callback.projections)
                self._open("test", images * each, 0, trainer, unit="projection")
                callback.arrived = self._arrived

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def _arrived(self, samples: int) -> None:
        if self.bar is not None:
            self.bar.update(samples)

    def _open(self, stage: str, total: int, done: int, trainer: L.Trainer, unit: str = "image") -> None:
        if self.enabled and trainer.is_global_zero:
            self.bar = tqdm(
                desc=f"{self.name} {stage}",
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
