"""Pixel AUROC and energy after each iteration, counted by an observer of the projection (Figure 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from renormal.contracts import EnergyTerms, Images, Maps, Projection, Regions
from renormal.functional.bins import BINS, add_at, fine_bins
from renormal.lit.gathering import summed
from renormal.metrics import auroc
from renormal.projection import Observer

SHIFT = 3  # scores closer than 0.4 % (3e-4 of DSSIM) share a bin: a hundred iterations then fit into 140 MB
BoundScore = Callable[[Images, Images], Maps]  # (x0, x_t) → maps; the model is bound


class Curve:
    """Pixel counts and a sum of energies for each t = 0 … steps. A stopped sample keeps its last map."""

    def __init__(self, steps: int) -> None:
        self.bins = (BINS >> SHIFT) + 1
        self.counts = torch.zeros(steps + 1, 2, self.bins, dtype=torch.int64)
        self.energy = torch.zeros(steps + 1, dtype=torch.float64)
        self.samples = torch.zeros(steps + 1, dtype=torch.float64)

    def observer(self, score: BoundScore, x0: Images, regions: Regions) -> Observer:
        """A function that `project` calls at every evaluation."""

        def observe(sample: Tensor, t: Tensor, x: Images, terms: EnergyTerms) -> None:
            maps = score(x0[sample], x)
            for age in torch.unique(t).tolist():
                rows = t == age
                self._count(age, maps[rows], regions[sample[rows].cpu()], terms.total[rows])

        return observe

    def hold(self, score: BoundScore, x0: Images, regions: Regions, result: Projection) -> None:
        """Count the last map of a stopped sample for all later iterations."""
        maps = score(x0, result.x)
        for age in range(1, len(self.counts)):
            rows = result.steps < age
            if rows.any():
                self._count(age, maps[rows], regions[rows.cpu()], result.terms.total[rows])

    def _count(self, age: int, maps: Tensor, regions: Regions, energy: Tensor) -> None:
        regions = regions.cpu()
        bins = (fine_bins(maps.cpu()) >> SHIFT) + (regions > 0) * self.bins
        add_at(self.counts[age].view(-1), bins, (regions >= 0).long())
        self.energy[age] += energy.cpu().double().sum()
        self.samples[age] += len(energy)

    def gather(self, device: torch.device) -> None:
        """Sum over all ranks. device: of this rank."""
        self.counts = summed(self.counts, device)
        self.energy, self.samples = summed(torch.stack((self.energy, self.samples)), device).unbind()

    def values(self) -> dict[str, Any]:
        """For the record: one number for each iteration. Without masks there is no AUROC."""
        if not self.counts.sum(dim=-1).all():
            return {"iterations": list(range(len(self.counts))), "energy": (self.energy / self.samples).tolist()}
        return {
            "pixel_auroc": [auroc(*counts).item() for counts in self.counts],
            "energy": (self.energy / self.samples).tolist(),
            "iterations": list(range(len(self.counts))),
            "samples": int(self.samples[0]),
        }
