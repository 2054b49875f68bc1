"""Observers of a descent: they are called where the host waits for the device anyway, with every evaluation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from renormal.contracts import EnergyTerms, Images
from renormal.functional.transfer import sent
from renormal.projection.slots import Seen, Slots
from renormal.projection.trees import combine

Observer = Callable[[Tensor, Tensor, Images, EnergyTerms], None]  # (sample indices, t of each, x, terms at x)


def seen(slots: Slots, x: Images, terms: EnergyTerms) -> Seen:
    """What this evaluation shows, in memory of its own where the update after it may write."""
    return Seen((slots.sample >= 0) & ~slots.done, slots.sample, slots.steps, x.clone(), terms)


class Watch:
    """Holds up to `every` evaluations and calls the observer with the samples that moved in each. One wait in all."""

    def __init__(self, observe: Observer, every: int) -> None:
        self.observe, self.every = observe, every
        self.held: list[Seen] = []

    def __call__(self, slots: Slots) -> None:
        """After each iteration of the slots."""
        assert slots.seen is not None
        self.held.append(slots.seen if self.every == 1 else combine(Tensor.clone, slots.seen))
        if len(self.held) == self.every:
            self._tell()

    def _tell(self) -> None:
        held, self.held = self.held, []
        for one, moving in zip(held, torch.stack([one.moving for one in held]).cpu(), strict=True):
            if moving.any():
                rows = sent(moving.nonzero().flatten(), one.x.device)
                terms = EnergyTerms(*(term[rows] for term in one.terms))
                self.observe(one.sample[rows], one.t[rows], one.x[rows], terms)
