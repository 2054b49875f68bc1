"""What maps of normal images decide, without a label of the test: each column's threshold and its colour scale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch

from renormal.contracts import Batch, Maps
from renormal.data.source import GOOD
from renormal.functional.bins import BINS, add_at, fine_bins, fine_edge
from renormal.lit.areas import scores_from
from renormal.lit.datamodule import SourceData
from renormal.lit.gathering import gathered, summed
from renormal.metrics import Alarm, exceeded_bin, highest

TOP = 2.0  # top of the colour scale, in units of the highest score of a normal image, ours
UNFITTED = 0.5  # top of the colour scale without normal images, ours: of DSSIM, which is at most 1


@dataclass(frozen=True, kw_only=True)
class Counting:
    """Settings of the metrics.

    normal_images: how many normal images are scored before the test; 0: none, and no metric of a threshold.
    false_alarms: at most this share of their pixels, and of the images, is above the threshold. area: pixels of the
    smallest defect that a decision on a new image counts. aupro_limits: further limits of the FPR for AUPRO. planted:
    good images, some with planted defects, which all columns search before the test; none where it is empty.
    held_out: no network was trained on the normal images.
    """

    normal_images: int = 32
    false_alarms: float = 0.01
    area: int = 1
    aupro_limits: Sequence[float] = ()
    planted: Sequence[Batch] = ()
    held_out: bool = False


class NormalMaps:
    """Counts of the maps of normal images under one column, on this rank; after `gather` on all ranks.

    area: pixels of the smallest defect; `scores` of images are those of such defects, `highest` those of one pixel.
    top: what no map of the column exceeds.
    """

    def __init__(self, area: int = 1, top: float = math.inf) -> None:
        self.counts, self.area, self.top = torch.zeros(BINS, dtype=torch.int64), area, top
        self.highest: list[float] = []
        self.scores: list[float] = []

    def add(self, maps: Maps) -> None:
        """Count one batch."""
        self.counts = add_at(self.counts, fine_bins(maps).cpu(), torch.ones(1, dtype=torch.int64))
        self.highest += highest(maps).tolist()
        self.scores += scores_from(maps, self.area).tolist()

    def gather(self, device: torch.device) -> None:
        """Sum over all ranks. device: of this rank."""
        self.counts = summed(self.counts, device)
        self.highest = sorted(value for part in gathered(self.highest) for value in part)
        self.scores = sorted(value for part in gathered(self.scores) for value in part)

    def alarm(self, share: float) -> Alarm:
        """The lowest thresholds that at most `share` of the pixels reach, and of the images exceed."""
        return Alarm(exceeded_bin(self.counts, share), self.highest[-1 - int(share * len(self.highest))])

    @property
    def limit(self) -> float:
        """End of the colour scale: TOP times the highest score, and at most `top`. No threshold lies beyond it."""
        return min(TOP * max(self.scores), self.top) or UNFITTED

    def values(self, share: float) -> dict[str, float]:
        """For the record."""
        alarm = self.alarm(share)
        return {
            "limit": self.limit,
            "threshold": fine_edge(alarm.bin),
            "image_threshold": alarm.image,
            "normal_images": float(len(self.highest)),
        }


def normal_batches(data: SourceData, count: int, rank: int, ranks: int) -> Iterator[Batch]:
    """At most `count` normal images at equal distances, dealt to the ranks in turn: those set apart for thresholds,
    else those held out of the training, else those of the training."""
    source = data.source
    images = data.apart if source.apart else data.spare if source.spare else data.training
    items = source.apart or source.spare or source.train
    chosen = torch.linspace(0, len(images) - 1, min(count, len(images))).long().tolist()[rank::ranks]
    for own in _parts(chosen, data.test_images):
        regions = torch.zeros(len(own), data.size, data.size, dtype=torch.int16)
        paths = [items[index].image.as_posix() for index in own]
        yield Batch(images[own].float() / 255, regions, [GOOD] * len(own), paths)


def _parts(indices: Sequence[int], size: int) -> Iterable[list[int]]:
    return (list(indices[start : start + size]) for start in range(0, len(indices), size))
