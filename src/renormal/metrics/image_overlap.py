"""AUPIMO of a test set: the recall inside each image, over FPRs so low that an inspector would accept them."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

from renormal.contracts import Maps, Regions
from renormal.functional.bins import BINS, add_at, fine_bins
from renormal.metrics.anomaly import UNMASKED, add_counts, check, joined, no_images
from renormal.metrics.overlap import aupimo, unseen
from renormal.metrics.rates import total

AUPIMO = "aupimo"


class ImageOverlap(Metric):
    """The mean of `aupimo` over images with a defect, where their mask is known.

    Of each such image only bins that hold defective pixels are kept, with their counts: memory grows with the number of
    different scores in the defects. `undefined` holds the reason where the metric is not defined.
    """

    full_state_update = False
    normal: Tensor
    places: list[Tensor]
    counts: list[Tensor]
    sizes: list[Tensor]
    unknown: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.undefined: dict[str, str] = {}
        add_counts(self, "normal", BINS)
        self.add_state("unknown", torch.zeros(1, dtype=torch.int64), dist_reduce_fx="sum")
        for name in ("places", "counts", "sizes"):  # of one image after another; float32 is exact up to 2^24
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, maps: Maps, regions: Regions) -> None:
        """Count one batch. Images with pixels of region −1 (a defect without a mask) are left out."""
        check(maps, regions)
        bins = fine_bins(maps).long()
        good = (regions == 0).flatten(1).all(1)
        self.normal = add_at(self.normal, bins[good], torch.ones_like(self.unknown))
        for own, region in zip(bins[~good], regions[~good], strict=True):
            if (region < 0).any():
                self.unknown = self.unknown + 1
                continue
            places, counts = torch.unique(own[region > 0], return_counts=True)
            self.places.append(places.float())
            self.counts.append(counts.float())
            self.sizes.append(torch.tensor([float(len(places))], device=maps.device))

    def compute(self) -> dict[str, Tensor]:
        """{"aupimo": mean over images}, or nothing."""
        normal, sizes = self.normal.cpu(), joined(self.sizes).long().tolist()
        reason = no_images(normal, len(sizes) + self.unknown.cpu()) or ("" if sizes else UNMASKED) or unseen(normal)
        self.undefined = {AUPIMO: reason} if reason else {}
        if reason:
            return {}
        split = [torch.split(joined(state).long(), sizes) for state in (self.places, self.counts)]
        values = aupimo(normal, list(zip(*split, strict=True)))
        return {AUPIMO: total(values.sort().values) / len(values)}  # sorted: the same sum for any order of the images
