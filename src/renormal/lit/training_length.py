"""How long a training lasts where minutes limit it, and how it ends early: the learning rate still comes to its end."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import lightning as L
import torch

from renormal.console.text import counted
from renormal.lit.gathering import first_rank_decides
from renormal.lit.held_out import held_out_training_loss
from renormal.lit.stage import work_of
from renormal.lit.training_speed import images_per_second

EVIDENCE = 0.25  # share of the time before a slow machine shortens a training, ours: a slow minute may be the only one
RESERVE = 0.95  # share of the minutes that is planned: the rest is for checkpoints and held-out images, ours
MEASURED = 0.02  # share of the minutes in which the speed is measured, ours
LONGEST = 5.0  # seconds in which it is measured, ours
FALLS = 0.01  # a held-out loss is lower if it is lower by this share, ours
LAST = 0.1  # share of the planned epochs in which an early end brings the learning rate down, ours
LEAST = 4  # epochs: where fewer whole ones fit, the time is divided into so many shorter ones, ours
PAUSE = 60.0  # seconds between two batches that count at most, ours: a process that is halted does not train
ENOUGH = 10_000  # images of a training, ours: the published networks saw 12 000 or more
FEW = (
    "%s images are few for a training (planned; a photograph counts as often as it is seen), and the network will miss "
    "defects: give more minutes=, an idle machine or a GPU%s"
)
PLANNED = "training: at most %s on this machine, about %d images (%d × %d) at %.3g images/s"
TOO_SLOW = (
    "training: one epoch of %d images takes about %.2g minutes on this machine, more than minutes=%.3g: the whole "
    "epoch is trained%s"
)
ONE_THREAD = "; threads=1 helps where other programs use the cores"
SLOWER = "the training has become slower: it ends after %d of %d epochs, and the learning rate falls faster"
SETTLED = (
    "the loss of held-out good images has not fallen since epoch %d: the training ends after %d of %d epochs, "
    "and the learning rate falls faster"
)
log = logging.getLogger("renormal")


@dataclass(frozen=True)
class Length:
    """planned: epochs that the schedule of the learning rate was made for. epochs: after which the training ends.

    step, position: of the optimizer and of the schedule, from which on the rest of the schedule is passed faster.
    images: of an epoch, where the plan has fewer than the config; else 0. seconds: of training so far. loss, lowest,
    since: of held-out images, now and at its lowest, and the epochs then.
    """

    planned: int
    epochs: int
    step: int = 0
    position: int = 0
    images: int = 0
    seconds: float = 0.0
    loss: float = math.inf
    lowest: float = math.inf
    since: int = 0
    slower: bool = False  # the training became slower, and was shortened
    settled: bool = False  # the held-out loss no longer fell


class TrainingLength(L.Callback):
    """Plans the epochs of a training before it begins, and shortens the plan at the end of an epoch if it must.

    minutes: of the training at most; its speed is measured on a copy of the network. patience: share of the planned
    epochs without a lower loss of held-out images, after which the training ends. The plan is in the checkpoint, so
    that a training goes on with it on any machine. before: images that the network has seen in an earlier training.
    """

    def __init__(self, *, minutes: float | None = None, patience: float | None = None, before: float = 0.0) -> None:
        self.allowed = math.inf if minutes is None else 60 * minutes
        self.patience = patience
        self.before = before
        self.length: Length | None = None
        self.start = 0.0
        self.batches, self.begun = 0, 0.0  # since this process began to train: batches, and seconds before

    @property
    def limits(self) -> bool:
        """Whether anything but trainer.max_epochs ends the training."""
        return self.allowed < math.inf or self.patience is not None

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Before the optimizer and its schedule are made: they ask for the number of steps."""
        if stage != "fit" or not self.limits:
            return
        if self.length is None:
            self.length = first_rank_decides(trainer, lambda: self._planned(trainer, pl_module))
        if self.length.images:
            work_of(trainer, pl_module).data.epoch_images = self.length.images
        trainer.fit_loop.max_epochs = self.length.epochs

    def _planned(self, trainer: L.Trainer, pl_module: L.LightningModule) -> Length:
        most, start = int(trainer.max_epochs or 0), time.perf_counter()
        if self.allowed == math.inf:
            return Length(most, most)
        work = work_of(trainer, pl_module)
        speed = images_per_second(work, min(LONGEST, MEASURED * self.allowed)) * trainer.world_size
        before = time.perf_counter()
        if self.patience is not None:
            held_out_training_loss(work)
        watching = time.perf_counter() - before
        spent = time.perf_counter() - start
        left = RESERVE * self.allowed - spent
        step = work.data.batch_size * trainer.world_size
        whole = images = max(1, work.data.epoch_images // step) * step
        if left < (least := min(LEAST, most)) * (whole / speed + watching):
            images = min(whole, max(1, int((left / least - watching) * speed / step)) * step)
        each = images / speed + watching
        fit = int(left / each)
        epochs = min(most, max(1, fit))
        self._say(epochs, fit, images, each, speed)
        return Length(epochs, epochs, images=images if images < whole else 0, seconds=spent)

    def _say(self, epochs: int, fit: int, images: int, each: float, speed: float) -> None:
        more_threads = ONE_THREAD if torch.get_num_threads() > 1 else ""
        if fit < 1:
            log.warning(TOO_SLOW, images, each / 60, self.allowed / 60, more_threads)
        else:
            log.info(PLANNED, counted(self.allowed / 60, "minute"), epochs * images, epochs, images, speed)
        if epochs >= fit and self.before + epochs * images < ENOUGH:
            earlier = f"{self.before:.0f} + " if self.before else ""  # the line before has those of this training alone
            log.warning(FEW, f"{earlier}{epochs * images}", more_threads)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self.length is not None:
            self.start, self.batches, self.begun = time.perf_counter(), 0, self.length.seconds

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Lightning has moved the schedule by one step. In a shortened training it moves further."""
        if self.length is None:
            return
        self.batches += 1
        self._add_seconds()
        length = self._now
        if length.epochs == length.planned:
            return
        each = steps_of_epoch(trainer)
        left = length.planned * each - length.position
        done, whole = trainer.global_step - length.step, length.epochs * each - length.step
        target = length.position + left * done // whole
        for one in trainer.lr_scheduler_configs:
            while one.scheduler.last_epoch < target:
                one.scheduler.step()  # type: ignore[call-arg]

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Before the checkpoint of this epoch is written: it has the new plan."""
        if self.length is None:
            return
        self._add_seconds()
        done = trainer.current_epoch + 1
        if self.patience is not None:
            loss = first_rank_decides(trainer, lambda: held_out_training_loss(work_of(trainer, pl_module)))
            self._note(loss, done)
            if loss is not None:
                pl_module.log("held_out/loss", loss, on_epoch=True, sync_dist=True, reduce_fx="max")
        self.length = first_rank_decides(trainer, lambda: self._revised(trainer, done))
        trainer.fit_loop.max_epochs = self.length.epochs

    def _note(self, loss: float | None, done: int) -> None:
        if loss is None:
            return
        self.length = replace(self._now, loss=loss)
        if loss < (1 - FALLS) * self.length.lowest:
            self.length = replace(self.length, lowest=loss, since=done)

    def _revised(self, trainer: L.Trainer, done: int) -> Length:
        length = self._now
        each = (length.seconds - self.begun) / max(1, self.batches) * int(trainer.num_training_batches)
        late = length.seconds + (length.epochs - done) * each > self.allowed
        if late and length.seconds > EVIDENCE * self.allowed:
            left = max(1, int((RESERVE * self.allowed - length.seconds) / each))
            if done + left < length.epochs:
                log.warning(SLOWER, done + left, length.planned)
                return shortened(replace(length, epochs=done + left, slower=True), trainer)
        if self.patience is not None and length.since and not length.settled:
            wait, left = (max(1, round(share * length.planned)) for share in (self.patience, LAST))
            if done - length.since >= wait and done + left < length.epochs:
                log.info(SETTLED, length.since, done + left, length.planned)
                return shortened(replace(length, epochs=done + left, settled=True), trainer)
        return length

    @property
    def _now(self) -> Length:
        assert self.length is not None, "set by setup"
        return self.length

    def _add_seconds(self) -> None:
        now = time.perf_counter()
        self.length = replace(self._now, seconds=self._now.seconds + min(PAUSE, now - self.start))
        self.start = now

    def state_dict(self) -> dict[str, Any]:
        return asdict(self.length) if self.length else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.length = Length(**state_dict) if state_dict else None

    def report(self) -> dict[str, float | None]:
        """For the record: the planned epochs, and why there were fewer."""
        if self.length is None:
            return {}
        found: dict[str, float | None] = {"planned_epochs": float(self.length.planned)}
        if math.isfinite(self.length.loss):
            found |= {"held_out_training_loss": self.length.loss}
        reasons = {"ended_by_time": self.length.slower, "ended_by_held_out_loss": self.length.settled}
        return found | {name: 1.0 for name, holds in reasons.items() if holds}


def steps_of_epoch(trainer: L.Trainer) -> int:
    """Steps of the optimizer in an epoch."""
    return math.ceil(int(trainer.num_training_batches) / trainer.accumulate_grad_batches)


def shortened(length: Length, trainer: L.Trainer) -> Length:
    """The rest of the schedule is passed faster from here on."""
    positions = [int(one.scheduler.last_epoch) for one in trainer.lr_scheduler_configs]
    return replace(length, step=trainer.global_step, position=max(positions, default=trainer.global_step))


def fault_of_length(state: Any) -> str | None:
    """Why this is no state of a TrainingLength, None if it is one. It may come from a stranger's checkpoint."""
    kinds = {field.name: field.type for field in fields(Length)}
    if not isinstance(state, dict) or state.keys() | {"images"} != kinds.keys():  # older ones lack it
        return "has other parts"
    state = {"images": 0} | state
    for name, kind in kinds.items():
        value = state[name]
        if type(value).__name__ != kind:
            return f"{name} is no {kind}"
        if kind != "bool" and not value >= 0:
            return f"{name} is negative or no number"
    if not 1 <= state["epochs"] <= state["planned"]:
        return "epochs lies outside of the plan"
    return None
