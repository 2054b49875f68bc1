"""Several scores in one map, each scaled by its values on good images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from renormal.contracts import Autoencoder, FittedScore, Images, Maps, Score, SelectiveScore
from renormal.functional.bins import FINITE, coarse_bins, lower_ends

FLOOR = 1e-6  # of a scaled score in a mean whose power is below 1: a part that is 0 there must not decide alone

COUNTS, OWN = "counts", "fitted"  # of a part that is itself fitted, in the state

Scale = Callable[[Maps], Maps]
Pairs = list[list[int]]


class Tally:
    """Counts of each value in the maps of good images. Integers: their order does not change the sums."""

    def __init__(self) -> None:
        self.counts = torch.zeros(FINITE, dtype=torch.int64)

    def add(self, maps: Maps) -> None:
        self.counts += torch.bincount(coarse_bins(maps).flatten().cpu(), minlength=FINITE)

    @property
    def pairs(self) -> Pairs:
        """[bin, count] of each bin that holds a value."""
        filled = self.counts.nonzero().flatten()
        return torch.stack([filled, self.counts[filled]], dim=1).tolist()

    @classmethod
    def of(cls, pairs: Pairs) -> Tally:
        """Raises ValueError for bins and counts that no map has."""
        tally = cls()
        for index, count in pairs:
            if not (0 <= index < FINITE and 0 < count < 2**48):
                raise ValueError(f"no map of good images has {count} values in bin {index}")
            tally.counts[index] = count
        return tally

    @property
    def lowest(self) -> float:
        """The lower end of the first bin that holds a value."""
        return float(lower_ends(self.counts.nonzero()[:1]))

    @property
    def highest(self) -> float:
        """The upper end of the last bin that holds a value."""
        return float(lower_ends(self.counts.nonzero()[-1:] + 1))


def by_mean(good: Tally) -> Scale:
    """s / mean of s over the pixels of good images; the mean is exact to 5e-4 of itself."""
    filled = good.counts.nonzero().flatten()
    middles = (lower_ends(filled).double() + lower_ends(filled + 1).double()) / 2
    mean = float((middles * good.counts[filled]).sum() / good.counts.sum())
    return lambda maps: maps / mean


def by_rank(good: Tally) -> Scale:
    """The share of good pixels below s, ties by half; beyond their lowest and highest values it goes on rising.

    Above the highest value m it is s / m. Below the lowest value l it is s / l of the share at l: a descent that moves
    little has maps far below those of f(x0), which the share was counted on.
    """
    below = good.counts.cumsum(0) - good.counts.double() / 2
    ranks, lowest, highest = (below / good.counts.sum()).float(), good.lowest, good.highest
    least = float(ranks[coarse_bins(torch.tensor(lowest))])

    def scale(maps: Maps) -> Maps:
        rank = ranks.to(maps.device)[coarse_bins(maps).clamp(max=FINITE - 1)]
        inner = torch.where(maps < lowest, maps * (least / lowest if lowest else 0.0), rank)
        return torch.where(maps < highest, inner, maps / highest)

    return scale


@dataclass(frozen=True)
class Combined:
    """M_p = (1/n Σ scale(s)ᵖ)^(1/p) over the n parts, where `by` makes each scale from the part's maps of good images.

    parts: name → score. power: p, 1 is the mean, 0 the geometric mean (Π scale(s))^(1/n), which is large only where
    all parts are. `fitted` counts values on good images, once; then each map depends on its image alone. Parts that
    must be fitted are fitted first. `state` holds these counts, and `restored` takes them: a finished job scores new
    photographs without good images.
    """

    parts: Mapping[str, Score]
    by: Callable[[Tally], Scale] = by_mean
    tallies: tuple[Tally, ...] = ()
    power: float = field(default=1.0, kw_only=True)

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError("score.parts is empty: add some with +score@score.parts.<name>=<score>")
        if not 0 <= self.power <= 1:
            raise ValueError(f"score.power must be from 0, the geometric mean, to 1, the mean, got {self.power}")

    @property
    def inner(self) -> Mapping[str, Score]:
        return {f"parts.{name}": part for name, part in self.parts.items()}

    def suits(self, model: object) -> bool:
        """Whether the model can answer every part."""
        return all(part.suits(model) for part in self.parts.values() if isinstance(part, SelectiveScore))

    def fitted(self, model: Autoencoder, pairs: Iterable[tuple[Images, Images]]) -> Combined:
        """The same score with its scales. pairs: good images, and what they became."""
        if any(isinstance(part, FittedScore) for part in self.parts.values()) and iter(pairs) is pairs:
            pairs = list(pairs)  # an iterator, which ends after one pass
        parts = {
            name: part.fitted(model, pairs) if isinstance(part, FittedScore) else part
            for name, part in self.parts.items()
        }
        tallies = {name: Tally() for name in parts}
        for x, became in pairs:
            for name, part in parts.items():
                maps = part(model, x, became)
                if not bool(maps.isfinite().all()):
                    raise ValueError(f"score.parts.{name} is not finite on good images: take it out")
                tallies[name].add(maps)
        return self._with(parts, tallies)

    def state(self) -> dict[str, Any]:
        """Part → [bin, count] of its values on good images; of a fitted part {COUNTS: that, OWN: its state}."""
        states: dict[str, Any] = {}
        for (name, part), tally in zip(self.parts.items(), self.tallies, strict=True):
            states[name] = tally.pairs
            if isinstance(part, FittedScore):
                states[name] = {COUNTS: tally.pairs, OWN: dict(part.state())}
        return states

    def restored(self, state: Mapping[str, Any]) -> Combined:
        """The score that has this state. Raises ValueError for the state of other parts."""
        if state.keys() != self.parts.keys():
            raise ValueError(f"the score has the parts {', '.join(self.parts)}, its state has {', '.join(state)}")
        parts, counts = dict(self.parts), dict(state)
        for name, part in self.parts.items():
            if isinstance(part, FittedScore):
                parts[name], counts[name] = part.restored(state[name][OWN]), state[name][COUNTS]
        return self._with(parts, {name: Tally.of(counts[name]) for name in parts})

    def _with(self, parts: Mapping[str, Score], tallies: Mapping[str, Tally]) -> Combined:
        for name, tally in tallies.items():
            if not int(tally.counts[1:].sum()):
                raise ValueError(f"score.parts.{name} is 0 on every good image, nothing to measure by: take it out")
        return replace(self, parts=parts, tallies=tuple(tallies.values()))

    @cached_property
    def scales(self) -> tuple[Scale, ...]:
        """One for each part."""
        return tuple(self.by(tally) for tally in self.tallies)

    def __call__(self, model: Autoencoder, x0: Images, projected: Images) -> Maps:
        if not self.tallies:
            raise ValueError("a combined score needs good images first: call .fitted(model, pairs)")
        maps = [scale(part(model, x0, projected)) for scale, part in zip(self.scales, self.parts.values(), strict=True)]
        return power_mean(torch.stack(maps), self.power)


def power_mean(maps: Tensor, power: float) -> Tensor:
    """M_p over the first dimension, of values >= 0."""
    if power == 1:
        return maps.mean(dim=0)
    maps = maps.clamp(min=FLOOR)
    return maps.log().mean(dim=0).exp() if power == 0 else maps.pow(power).mean(dim=0).pow(1 / power)
