"""Numbers of one descent over the whole test set: steps, stops, speed."""

from __future__ import annotations

from itertools import chain

import torch
from torch import Tensor

from renormal.contracts import Projection, Stopped
from renormal.lit.gathering import gathered
from renormal.projection import Settled


class DescentReport:
    """Keeps numbers of each sample, and no images."""

    def __init__(self, descent: Settled) -> None:
        self.threshold = descent.threshold
        self.steps: list[Tensor] = []
        self.arrived: list[Tensor] = []
        self.finite: list[Tensor] = []
        self.images, self.seconds = 0, 0.0

    def add(self, result: Projection, *, images: int, seconds: float) -> None:
        """Add one call of `project`. images: whole ones; one texture has many samples."""
        finite = result.x.flatten(1).isfinite().all(dim=1) & result.terms.total.isfinite()
        self.steps.append(result.steps.cpu())
        self.arrived.append((result.stopped == Stopped.ARRIVED).cpu())
        self.finite.append(finite.cpu())
        self.images += images
        self.seconds += seconds

    def gather(self) -> None:
        """The samples of all ranks, and the seconds of the slowest rank, which is the time that the test took."""
        shares = gathered((self.steps, self.arrived, self.finite, self.images, self.seconds))
        steps, arrived, finite, images, seconds = zip(*shares, strict=True)
        self.steps, self.arrived, self.finite = (list(chain.from_iterable(part)) for part in (steps, arrived, finite))
        self.images, self.seconds = sum(images), max(seconds)

    def values(self) -> dict[str, float | None]:
        """For the record. Steps and stops are per sample; a sample of a texture is a tile."""
        if not self.steps:
            return {"threshold": self.threshold, "diverged": 0.0}
        steps, arrived = torch.cat(self.steps).double(), torch.cat(self.arrived).double()
        return {
            "threshold": self.threshold,
            "samples": float(len(steps)),
            "steps_mean": steps.mean().item(),
            "steps_median": steps.median().item(),
            "steps_max": steps.max().item(),
            "stopped_fraction": arrived.mean().item(),
            "diverged": float((~torch.cat(self.finite)).sum()),
            "seconds": self.seconds,
            "images_per_second": self.images / self.seconds,
            "image_steps_per_second": (steps + 1).sum().item() / self.seconds,  # one evaluation more than updates
        }

    def histogram(self) -> list[int]:
        """How many samples took 0, 1, 2, … updates."""
        return torch.bincount(torch.cat(self.steps).long()).tolist() if self.steps else []
