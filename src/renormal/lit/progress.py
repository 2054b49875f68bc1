"""One progress bar for a job: all images of all epochs, then all projections of all test samples."""

from __future__ import annotations

from typing import Any

import lightning as L
from tqdm import tqdm

from renormal.lit.datamodule import SourceData
from renormal.lit.module import AutoencoderModule


class Progress(L.Callback):
    """Shows images done, images per second and the time left; nothing without a terminal.

    name: of the job. line: of the screen; jobs that run at the same time have one line each.
    """

    def __init__(self, name: str, *, line: int = 0, enabled: bool = True) -> None:
        self.name, self.line, self.enabled = name, line, enabled
        self.bar: tqdm[Any] | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        each = _images_a_batch(trainer)
        done = trainer.current_epoch * int(trainer.num_training_batches)  # in batches; one batch may have several steps
        self._open("train", int(trainer.estimated_stepping_batches) * each, done * each, trainer)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.bar is not None:
            self.bar.update(_images_a_batch(trainer))

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
        if self.bar is not None:
            self.bar.update(descents)

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None

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
