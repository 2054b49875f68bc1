"""Training of an autoencoder: loss, log, optimizer. The projection is not here."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import lightning as L
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from renormal.contracts import Images, Sample
from renormal.models import ConvAutoencoder

OptimizerFactory = Callable[[Iterable[Tensor]], torch.optim.Optimizer]
SchedulerFactory = Callable[..., LRScheduler]  # (optimizer, total_steps=...) → scheduler, stepped after each batch


class AutoencoderModule(L.LightningModule):
    """Minimizes the batch mean of the model's training loss.

    fingerprint: names the training part of the config; it travels in the checkpoint, so that weights are not mistaken
    for those of another recipe.
    """

    def __init__(
        self,
        model: ConvAutoencoder,
        *,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        fingerprint: str = "",
    ) -> None:
        super().__init__()
        self.model = model
        self.optimizer_factory, self.scheduler_factory = optimizer, scheduler
        self.save_hyperparameters({"fingerprint": fingerprint})

    def training_step(self, batch: Images, batch_idx: int) -> Tensor:
        loss = self.model.training_loss(batch)
        total = loss.total.mean()
        if self._is_checked(batch_idx) and not bool(total.isfinite()):
            raise ValueError(
                f"the training loss is {total.item()} in epoch {self.current_epoch}, batch {batch_idx}: "
                "lower model.optimizer.lr, or train with trainer.precision=32-true"
            )
        self.log("train/loss", total, on_step=False, on_epoch=True, prog_bar=True)
        for name, term in loss.terms.items():
            self.log(f"train/{name}", term.mean(), on_step=False, on_epoch=True)
        return total

    def test_step(self, batch: Sample, batch_idx: int) -> None:
        """The projection callback does the work."""

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = self.optimizer_factory(self.model.parameters())
        if self.scheduler_factory is None:
            return optimizer
        scheduler = self.scheduler_factory(optimizer, total_steps=int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _is_checked(self, batch_idx: int) -> bool:
        """Every batch on a CPU; elsewhere a look stalls the device, and one in fifty is soon enough."""
        return self.device.type == "cpu" or batch_idx % 50 == 0
