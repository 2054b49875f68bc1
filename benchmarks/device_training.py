"""The training loop of the device check: the project's batches and losses, fused Adam, bfloat16; no framework."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

from renormal.data.source import Augmentation
from renormal.data.transforms import TrainingBatches
from renormal.functional.transfer import waited_for
from renormal.lit.recorded_loss import RecordedLoss

WARM_UP = 5  # batches that are not timed
IMAGES = 64  # that are drawn from


class Training:
    """Batches of one network, one after another."""

    def __init__(
        self, make: Callable[..., Any], side: int, batch: int, device: torch.device, *, recorded: bool = True
    ) -> None:
        torch.manual_seed(0)
        small = {"width": 8} if make.__name__ == "RepairAE" and side < 128 else {}
        self.model = make(channels=3, size=side, **small).to(device=device, memory_format=torch.channels_last)
        self.loss = RecordedLoss(self.model) if recorded else self.model.training_loss
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-4, fused=True)
        images = torch.randint(0, 256, (IMAGES, 3, side, side), dtype=torch.uint8).to(device)
        moves = Augmentation(rotate=15, translate=0.02, mirror_x=True)
        self.batches = TrainingBatches(images, "object", batch, moves, seed=0, device=device, size=side)
        self.device, self.batch, self.done = device, batch, 0

    def step(self) -> None:
        x = self.batches.batch(0, self.done % len(self.batches)).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16):
            loss = self.loss(x).total.mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.done += 1

    def images_per_second(self, seconds: float) -> float:
        for _ in range(WARM_UP):
            self.step()
        waited_for(self.device)
        start, begun = time.perf_counter(), self.done
        while time.perf_counter() - start < seconds:
            self.step()
            if self.done % 10 == 0:  # else the host would run ahead of the device for as long as it may
                waited_for(self.device)
        waited_for(self.device)
        return (self.done - begun) * self.batch / (time.perf_counter() - start)
