"""Fewer slots at the end: where no sample is left to enter, half-empty slots become half as many.

A processor may add up a batch of another size in another order. So it is tried once whether E and ∇E have the same bits
in both sizes. Where they have not, the slots stay: the numbers of a sample do not depend on when others are done.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import fields, replace
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from renormal.contracts import EnergyTerms
from renormal.projection.descent import Settled
from renormal.projection.energy import Slope
from renormal.projection.graph import RECORDERS
from renormal.projection.recordings import hashable
from renormal.projection.slots import Slots
from renormal.projection.trees import combine

LEAST = 2  # slots: a single image often has other bits than in a batch (L2AE, float32)
Differentiate = Callable[[Slots], tuple[EnergyTerms, Slope]]
_tried: WeakKeyDictionary[nn.Module, dict[Hashable, bool]] = WeakKeyDictionary()


class Narrowing:
    """Halves slots as often as half of them are idle, for networks that are modules: what was tried is kept with them.

    A device that records an iteration keeps its shape.
    """

    def __init__(self, model: Any, descent: Settled, differentiate: Differentiate) -> None:
        self.descent, self.differentiate = descent, differentiate
        self.tried = _tried.setdefault(model, {}) if isinstance(model, nn.Module) else None

    def __call__(self, slots: Slots) -> None:
        if self.tried is None or slots.x.device.type in RECORDERS:
            return
        while (width := len(slots.sample)) >= 2 * LEAST and 2 * slots.busy <= width:
            rows = torch.cat([(slots.sample >= 0).nonzero(), (slots.sample < 0).nonzero()]).flatten()
            narrow = _rows_of(slots, rows[: max(LEAST, width // 2)])
            if not self._same_bits(self.tried, slots, narrow, rows[: slots.busy]):
                return
            for one in fields(Slots):
                setattr(slots, one.name, getattr(narrow, one.name))

    def _same_bits(self, tried: dict[Hashable, bool], slots: Slots, narrow: Slots, rows: Tensor) -> bool:
        points = tuple((part.shape, part.stride(), part.dtype) for part in (slots.x0, slots.x))
        key = (self.descent.energy, self.descent.precision, points)  # what the order of a sum may depend on
        if not hashable(key):
            return False
        if key not in tried:
            with torch.random.fork_rng(devices=[]):  # an energy may draw: the descent goes on as if nothing was tried
                wide, few = self.differentiate(slots), self.differentiate(narrow)
            pairs = [(one[rows], other[: len(rows)]) for one, other in zip(wide[0], few[0], strict=True)]
            pairs.append((_gradient(wide[1], slots)[rows], _gradient(few[1], narrow)[: len(rows)]))
            tried[key] = all(torch.equal(one, other) for one, other in pairs)
        return tried[key]


def _gradient(slope: Slope, slots: Slots) -> Tensor:
    return slope(slice(0, len(slots.sample)))


def _rows_of(slots: Slots, rows: Tensor) -> Slots:
    """Slots of these rows in memory of their own, in the memory format of the whole."""

    def taken(tensor: Tensor) -> Tensor:
        return tensor[: len(rows)].clone().copy_(tensor[rows])

    found = {one.name: getattr(slots, one.name) for one in fields(Slots)}
    trees = {name: value for name, value in found.items() if isinstance(value, Tensor | tuple)}
    return replace(slots, **{name: combine(taken, value) for name, value in trees.items()})
