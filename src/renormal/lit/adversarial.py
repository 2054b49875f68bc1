"""Adversarial training: several players, each with its own loss and optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning as L
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.utilities.types import OptimizerLRScheduler

from renormal.contracts import Images
from renormal.lit.module import AutoencoderModule, OptimizerFactory, SchedulerFactory
from renormal.models import Game, Player

PRECISIONS = ("32-true", "bf16-mixed")  # float16 has one loss scale, which does not fit all players and the penalty


class AdversarialModule(AutoencoderModule):
    """Each player minimizes the batch mean of its own loss over its own weights, one player after the other.

    optimizer: player → factory. scheduler: one factory for all, over the steps of each player. Which players move
    depends on epoch and batch alone, so that a resumed training gives the same weights.

    Lightning counts the steps of all optimizers together. Everything here counts batches, and trainer.max_steps is
    refused.
    """

    model: Any  # a Game; the base's is a ConvAutoencoder
    rates = "model.optimizer.*.lr"

    def __init__(
        self,
        model: Game,
        *,
        optimizer: Mapping[str, OptimizerFactory],
        scheduler: SchedulerFactory | None = None,
        seed: int = 0,
        fingerprint: str = "",
    ) -> None:
        players = model.players()
        if set(optimizer) != set(players):
            raise ValueError(f"model.optimizer has {sorted(optimizer)}, this model needs {sorted(players)}")
        super().__init__(
            model,  # type: ignore[arg-type]
            optimizer=optimizer,  # type: ignore[arg-type]
            scheduler=scheduler,
            seed=seed,
            fingerprint=fingerprint,
        )
        self.factories = {name: optimizer[name] for name in players}
        self.objectives = tuple(players)
        self.automatic_optimization = False

    def check(self, trainer: L.Trainer) -> None:
        if trainer.world_size > 1:
            raise ValueError("an adversarial model is trained on one device: trainer=single (a test may have several)")
        if trainer.max_steps != -1:
            raise ValueError("trainer.max_steps would count the steps of all players: give trainer.max_epochs")
        if trainer.precision not in PRECISIONS:
            allowed = ", ".join(PRECISIONS)
            raise ValueError(f"players train in trainer.precision={allowed} or auto, got {trainer.precision}")
        if trainer.gradient_clip_val:
            raise ValueError(
                f"trainer.gradient_clip_val={trainer.gradient_clip_val} cannot be applied to players, whose steps are "
                "separate: leave it null"
            )
        if trainer.accumulate_grad_batches != 1:
            raise ValueError("trainer.accumulate_grad_batches cannot be applied to players: give a larger batch_size")

    def training_step(self, batch: Images, batch_idx: int) -> None:  # type: ignore[override]  # nothing is drawn together
        epoch = int(self.trainer.num_training_batches)
        now, batches = self.current_epoch * epoch + batch_idx, int(self.trainer.estimated_stepping_batches)
        for index, (name, player) in enumerate(self.model.players().items()):
            if player.moves(now, batches):
                self._move(index, name, player, batch)

    def _move(self, index: int, name: str, player: Player, batch: Images) -> None:
        optimizer = self.optimizers()[index]  # type: ignore[index]
        assert isinstance(optimizer, LightningOptimizer)
        self.toggle_optimizer(optimizer)  # the weights of the other players get no gradient
        loss = self.batch_mean(name, player.loss(batch))
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        self.untoggle_optimizer(optimizer)
        if self.scheduler_factory is not None:
            scheduler: Any = self.trainer.lr_scheduler_configs[index].scheduler
            scheduler.step()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        players = self.model.players()
        optimizers = [factory(players[name].weights.parameters()) for name, factory in self.factories.items()]
        if self.scheduler_factory is None:
            return optimizers
        batches = int(self.trainer.estimated_stepping_batches)
        steps = [sum(player.moves(batch, batches) for batch in range(batches)) for player in players.values()]
        pairs = zip(optimizers, steps, strict=True)
        return optimizers, [self.scheduler_factory(optimizer, total_steps=total) for optimizer, total in pairs]
