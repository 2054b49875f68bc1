"""Training of an autoencoder: loss, log, optimizer."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from renormal.contracts import Batch
from renormal.data.transforms import TrainingBatch, TrainingBatches
from renormal.lit.epoch_means import EpochMeans, Sums
from renormal.lit.gathering import gathered
from renormal.lit.recorded_loss import RecordedLoss, draw_together, loss_of
from renormal.models import ConvAutoencoder, TrainingLoss

OptimizerFactory = Callable[[Iterable[Tensor]], torch.optim.Optimizer]
SchedulerFactory = Callable[..., LRScheduler]  # (optimizer, total_steps=...) → scheduler, stepped after each batch
WITHIN = "within_epoch"  # key of a checkpoint: what each rank needs to go on in the middle of an epoch
LOWEST = "lowest_loss"  # key of a checkpoint
RISE = 3.0  # times the lowest loss: more than noise, ours
RISEN = (
    "the training loss is %.3g in epoch %d and was %.3g: the network may be lost, lower %s or the scheduler's max_lr"
)
log = logging.getLogger("renormal")


class AutoencoderModule(L.LightningModule):
    """Minimizes the batch mean of the model's training loss, over all ranks.

    seed: of the noise in a variational model; epoch and rank are added to it, so that a resumed training draws the same
    noise. A checkpoint from the middle of an epoch has the state of the noise and the sums of the losses, too.
    fingerprint: of the training part of the config; the checkpoint keeps it, and weights of another config are
    refused.
    """

    rates = "model.optimizer.lr"
    objectives: tuple[str, ...] = ("loss",)  # what is minimized, logged as train/<name>

    def __init__(
        self,
        model: ConvAutoencoder,
        *,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        seed: int = 0,
        fingerprint: str = "",
    ) -> None:
        super().__init__()
        self.model, self.seed = model, seed
        self.optimizer_factory, self.scheduler_factory = optimizer, scheduler
        self.finite = torch.ones((), dtype=torch.bool)
        self.means = EpochMeans()
        self.recorded_loss = RecordedLoss(model)
        self.lowest = math.inf  # mean of an epoch
        self.within: list[dict[str, Any]] = []  # from a checkpoint, until the training has started
        self.save_hyperparameters({"fingerprint": fingerprint}, logger=False)

    def check(self, trainer: L.Trainer) -> None:
        """Raises for settings of the trainer that this training cannot follow."""

    def on_train_epoch_start(self) -> None:
        key = np.random.SeedSequence((self.seed, self.current_epoch, self.global_rank))
        torch.manual_seed(int(key.generate_state(1, np.uint64)[0]))
        self.finite = torch.ones((), dtype=torch.bool, device=self.device)
        self.means.begin()

    def training_step(self, batch: TrainingBatch, batch_idx: int) -> Tensor | None:
        alone = self.trainer.world_size == 1
        return self.batch_mean("loss", self.recorded_loss(batch) if alone else loss_of(self.model, batch))

    def batch_mean(self, noun: str, loss: TrainingLoss) -> Tensor:
        """The mean loss, checked, and logged as train/<noun> with the means of its terms."""
        total = loss.total.mean()
        self.finite = self.finite & total.detach().isfinite()
        if self.device.type == "cpu":  # a check of each batch would stall another device
            self._check_finite()
        for name, value in {noun: total, **{name: term.mean() for name, term in loss.terms.items()}}.items():
            self.means.add(f"train/{name}", value, len(loss.total))
        return total

    def epoch_means(self) -> dict[str, Tensor]:
        """train/<name> → mean over the batches of this epoch and all ranks. All ranks must call it."""
        return self.means.over_ranks(self.trainer.strategy)

    def on_train_epoch_end(self) -> None:
        """Check before the checkpoint of this epoch is written, and log the means."""
        self._check_all_finite()
        means = self.epoch_means()
        for name, mean in means.items():  # equal on all ranks: the maximum keeps every bit
            self.log(name, mean, on_step=False, on_epoch=True, sync_dist=True, reduce_fx="max")
        if "train/loss" in means:
            self._watch(float(means["train/loss"]))

    def on_train_end(self) -> None:
        """The memory of the recording is free for the test."""
        self.recorded_loss = RecordedLoss(self.model)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what an epoch that has begun needs to go on, of each rank. Weights with a NaN are not saved."""
        checkpoint[LOWEST] = self.lowest
        epochs: Any = self.trainer.fit_loop.epoch_progress.current
        if epochs.started > epochs.processed:
            self._check_all_finite()
            sums = {name: (total.cpu(), images) for name, (total, images) in self.means.sums.items()}
            checkpoint[WITHIN] = gathered({"sums": sums, "noise": noise_state(self.device)})

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.lowest, self.within = checkpoint.get(LOWEST, math.inf), checkpoint.get(WITHIN, [])

    def on_train_start(self) -> None:
        if isinstance(self.trainer.train_dataloader, TrainingBatches):
            draw_together(self.trainer.train_dataloader, self.model, self.device)
        if self.trainer.fit_loop.restarted_mid_epoch:
            self._go_on(**self.within[self.global_rank])
        self.within = []

    def _go_on(self, sums: Sums, noise: list[Tensor]) -> None:
        """Go on within an epoch. Nothing may draw noise between here and the next batch.

        Lightning's own way to set a loader's place has no effect where the scheduler has asked for the number of steps.
        """
        loader = self.trainer.train_dataloader
        if isinstance(loader, TrainingBatches):
            loader.first = self.trainer.fit_loop.batch_idx + 1
        self.means.begin({name: (total.to(self.device), images) for name, (total, images) in sums.items()})
        self.finite = torch.ones((), dtype=torch.bool, device=self.device)
        set_noise_state(noise, self.device)

    def _watch(self, mean: float) -> None:
        """Warn if the loss is far above its lowest value: after a step that was too large it may stay finite."""
        if 0 < self.lowest < mean / RISE and self.trainer.is_global_zero:
            log.warning(RISEN, mean, self.current_epoch, self.lowest, self.rates)
            self.lowest = math.inf  # warn once
        self.lowest = min(self.lowest, mean)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """The projection callback does the work."""

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = self.optimizer_factory(self.model.parameters())
        if self.scheduler_factory is None:
            return optimizer
        scheduler = self.scheduler_factory(optimizer, total_steps=int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """As in Lightning, which refuses a fused optimizer under autocast: float16 gradients are still scaled when they
        are clipped. bfloat16 has no scale."""
        if self.trainer.precision == "16-mixed" or not gradient_clip_val:
            super().configure_gradient_clipping(optimizer, gradient_clip_val, gradient_clip_algorithm)
        elif gradient_clip_algorithm == "value":
            torch.nn.utils.clip_grad_value_(self.model.parameters(), gradient_clip_val)
        else:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), gradient_clip_val)

    def _check_all_finite(self) -> None:
        """A NaN of one rank is in the weights of all."""
        self.finite = torch.tensor(self.trainer.strategy.reduce_boolean_decision(bool(self.finite)), device=self.device)
        self._check_finite()

    def _check_finite(self) -> None:
        if not bool(self.finite):
            exact = "" if self.trainer.precision == "32-true" else ", or train with trainer.precision=32-true"
            raise ValueError(
                f"the training loss is not finite in epoch {self.current_epoch}: lower {self.rates} or the "
                f"scheduler's max_lr{exact}"
            )


def noise_state(device: torch.device) -> list[Tensor]:
    """The states of torch's generators: of the CPU, and of another device that the weights are on."""
    own = [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []
    return [torch.get_rng_state(), *own]


def set_noise_state(states: list[Tensor], device: torch.device) -> None:
    """Set what `noise_state` has returned, on this kind of device or on another: the CPU's is set on all of them."""
    torch.set_rng_state(states[0])
    if device.type == "cuda":
        for state in states[1:]:
            torch.cuda.set_rng_state(state, device)
