"""The players of an adversarial training: each has a loss, which changes its own weights only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import nn

from renormal.contracts import Images
from renormal.models.base import TrainingLoss


@dataclass(frozen=True, kw_only=True)
class Player:
    """One side of an adversarial training.

    weights: what its loss moves. every: it moves in the last of so many batches. since, until: shares of the
    training between which it moves at all.
    """

    weights: nn.Module | nn.ModuleList
    loss: Callable[[Images], TrainingLoss]
    every: int = 1
    since: float = 0.0
    until: float = 1.0

    def moves(self, batch: int, batches: int) -> bool:
        """Whether it moves in this batch of so many, counted from 0 over the whole training."""
        return self.since * batches <= batch < self.until * batches and (batch + 1) % self.every == 0


class Game(Protocol):
    """A model with several optimizers, one for each player, in the order in which they move."""

    def players(self) -> dict[str, Player]: ...
