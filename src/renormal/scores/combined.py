"""Several scores in one map, each scaled by its values on good images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import torch

from renormal.contracts import Autoencoder, Images, Maps, Score
from renormal.functional.bins import FINITE, coarse_bins, lower_ends

Scale = Callable[[Maps], Maps]


class Tally:
    """Counts of each value in the maps of good images. Integers: their order does not change the sums."""

    def __init__(self) -> None:
        self.counts = torch.zeros(FINITE, dtype=torch.int64)

    def add(self, maps: Maps) -> None:
        self.counts += torch.bincount(coarse_bins(maps).flatten().cpu(), minlength=FINITE)

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
    """The share of good pixels below s, ties by half; above their highest value m it is s / m, which goes on rising."""
    below = good.counts.cumsum(0) - good.counts.double() / 2
    ranks, highest = (below / good.counts.sum()).float(), good.highest

    def scale(maps: Maps) -> Maps:
        rank = ranks.to(maps.device)[coarse_bins(maps).clamp(max=FINITE - 1)]
        return torch.where(maps < highest, rank, maps / highest)

    return scale


@dataclass(frozen=True)
class Combined:
    """Mean over the parts of scale(s), where `by` makes each part's scale from its maps of good images.

    parts: name → score. `fitted` makes the scales from good images, once; then each map depends on its image alone.
    """

    parts: Mapping[str, Score]
    by: Callable[[Tally], Scale] = by_mean
    scales: tuple[Scale, ...] = ()

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError("score.parts is empty: add some with +score@score.parts.<name>=<score>")

    def fitted(self, model: Autoencoder, pairs: Iterable[tuple[Images, Images]]) -> Combined:
        """The same score with its scales. pairs: good images, and what they became."""
        tallies = {name: Tally() for name in self.parts}
        for x, became in pairs:
            for name, part in self.parts.items():
                maps = part(model, x, became)
                if not bool(maps.isfinite().all()):
                    raise ValueError(f"score.parts.{name} is not finite on good images: take it out")
                tallies[name].add(maps)
        for name, tally in tallies.items():
            if not int(tally.counts[1:].sum()):
                raise ValueError(f"score.parts.{name} is 0 on every good image, nothing to measure by: take it out")
        return replace(self, scales=tuple(self.by(tally) for tally in tallies.values()))

    def __call__(self, model: Autoencoder, x0: Images, projected: Images) -> Maps:
        if not self.scales:
            raise ValueError("a combined score needs good images first: call .fitted(model, pairs)")
        maps = [scale(part(model, x0, projected)) for scale, part in zip(self.scales, self.parts.values(), strict=True)]
        return torch.stack(maps).mean(dim=0)
