"""Means of the losses of one epoch, in a form that a checkpoint can keep in the middle of the epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from lightning.pytorch.strategies import Strategy
from torch import Tensor

Sums: TypeAlias = dict[str, tuple[Tensor, int]]  # name → (Σ B · value, Σ B) over the batches so far, of one rank


class EpochMeans:
    """Σ B · value / Σ B over the batches of an epoch, where B is the number of images in a batch.

    These are the bits that Lightning's `log` computes. Its own sums cannot be read or set, and a training that goes on
    within an epoch needs them.
    """

    def __init__(self) -> None:
        self.sums: Sums = {}
        self.found: dict[str, Tensor] | None = None

    def begin(self, sums: Mapping[str, tuple[Tensor, int]] | None = None) -> None:
        """Begin an epoch, or go on with the sums of one that has begun."""
        self.sums, self.found = dict(sums or {}), None

    def add(self, name: str, value: Tensor, images: int) -> None:
        total, count = self.sums.get(name, (0.0, 0))
        self.sums[name], self.found = (total + value.detach().float() * images, count + images), None

    def over_ranks(self, strategy: Strategy) -> dict[str, Tensor]:
        """Name → mean over all ranks. All ranks must call it, in the same order."""
        if self.found is None:
            totals = {name: strategy.reduce(total.clone(), reduce_op="mean") for name, (total, _) in self.sums.items()}
            self.found = {name: total / total.new_tensor(self.sums[name][1]) for name, total in totals.items()}
        return self.found
