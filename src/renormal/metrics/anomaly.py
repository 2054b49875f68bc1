"""Metrics of anomaly maps: integer counts over fixed bins, the same for any batches, order and number of processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from renormal.contracts import ONLY_DEFECTIVE, ONLY_GOOD, Maps, PerSample, Regions
from renormal.functional.bins import BINS, add_at, fine_bins
from renormal.metrics.overlap import aupro, shares
from renormal.metrics.rates import auroc, average_precision, best_f1

PIXEL_METRICS = ("pixel_auroc", "average_precision", "aupro", "best_f1")
METRICS = (*PIXEL_METRICS, "image_auroc")

NORMAL, DEFECTIVE = 0, 1
UNMASKED = "no defective image has a mask"


def highest(maps: Maps) -> PerSample:
    """max over pixels: the score of an image is that of its most anomalous pixel."""
    return maps.amax(dim=(1, 2))


def check(maps: Maps, regions: Regions) -> None:
    """Refuse shapes that differ, wrong types, maps that are negative or not finite, and regions below −1."""
    if maps.ndim != 3 or maps.shape != regions.shape:
        raise ValueError(f"maps and regions must both be (B, H, W), got {tuple(maps.shape)} and {tuple(regions.shape)}")
    if not maps.is_floating_point():
        raise TypeError(f"maps must be floating point, got {maps.dtype}")
    if regions.is_floating_point() or regions.dtype == torch.bool:
        mend = "give masks.long(), which counts all of an image's mask as one defect"
        raise TypeError(f"regions must be integers that number the defects of each image, got {regions.dtype}: {mend}")
    low, high = (value.item() for value in maps.float().aminmax())
    if not (low >= 0 and high < float("inf")):  # a NaN fails both
        raise ValueError(f"maps must be finite and >= 0, got [{low:.3g}, {high:.3g}]")
    if regions.min() < -1:
        raise ValueError(f"regions must be -1 (unknown), 0 (normal) or a defect's number, got {int(regions.min())}")


def add_counts(metric: Metric, name: str, *shape: int) -> None:
    """Add a state of zeros that is summed over ranks.

    `add_state` alone writes and copies the zeros of all bins: for a column 17 MiB and 15 ms, before the first pixel.
    """
    zero = torch.zeros((), dtype=torch.int64)
    metric.add_state(name, zero, dist_reduce_fx="sum")
    metric._defaults[name] = zero.expand(shape)
    setattr(metric, name, zero.expand(shape))  # the one zero in every place: `update` makes a new tensor


class AnomalyMetrics(Metric):
    """Pixel AUROC, average precision, AUPRO, best F1 and image AUROC of a test set.

    Pixels are counted over fixed bins: memory is constant and scores need no range. Images keep their exact score.
    limits: of the FPR, for AUPRO under the names aupro_0.05 and so on; "aupro" has the limit of Bergmann et al., 0.3.
    `compute()` leaves out a metric whose two classes are not both there; `undefined` holds the reason.
    """

    full_state_update = False
    counts: Tensor
    overlap: Tensor
    image_scores: list[Tensor]
    image_labels: list[Tensor]

    def __init__(self, *, limits: Sequence[float] = ()) -> None:
        super().__init__()
        self.limits = {f"aupro_{limit:g}": limit for limit in limits}
        self.undefined: dict[str, str] = {}
        add_counts(self, "counts", 2, BINS)
        add_counts(self, "overlap", BINS)
        self.add_state("image_scores", [], dist_reduce_fx="cat")
        self.add_state("image_labels", [], dist_reduce_fx="cat")

    def update(self, maps: Maps, regions: Regions) -> None:
        """Count one batch. Pixels of region −1 (a defect without a mask) count only towards their image's label."""
        check(maps, regions)
        regions = regions.long()
        bins = fine_bins(maps)
        defective = regions > 0
        places = bins + defective.int() * BINS
        self.counts = add_at(self.counts.reshape(-1), places, (regions >= 0).long()).view(2, BINS)
        self.overlap = add_at(self.overlap, bins[defective], shares(regions))
        self.image_scores.append(highest(maps).float())
        self.image_labels.append((regions != 0).flatten(1).any(1).float())  # float: an empty rank gathers float32

    def compute(self) -> dict[str, Tensor]:
        """Every metric that is defined, as float64 on the CPU."""
        occupied = self.counts.any(dim=0)  # empty bins change no metric
        negatives, positives = self.counts[:, occupied].cpu()
        overlap = self.overlap[occupied].cpu()
        good, bad = self.image_counts()
        values: dict[str, Tensor] = {}
        self.undefined = {}
        if reason := no_pixels(negatives, positives, bad):
            self.undefined = dict.fromkeys((*PIXEL_METRICS, *self.limits), reason)
        else:
            values["pixel_auroc"] = auroc(negatives, positives)
            values["average_precision"] = average_precision(negatives, positives)
            values["aupro"] = aupro(negatives, overlap)
            values |= {name: aupro(negatives, overlap, limit) for name, limit in self.limits.items()}
            values["best_f1"] = best_f1(negatives, positives)
        if reason := no_images(good, bad):
            self.undefined["image_auroc"] = reason
        else:
            values["image_auroc"] = auroc(good, bad)
        return values

    def image_counts(self) -> tuple[Tensor, Tensor]:
        """Good and defective images at each distinct score, ascending."""
        scores, rank = torch.unique(joined(self.image_scores), return_inverse=True)
        kind = joined(self.image_labels).long()
        counts = torch.bincount(rank + kind * len(scores), minlength=2 * len(scores)).view(2, len(scores))
        return counts[NORMAL], counts[DEFECTIVE]


def no_images(good: Tensor, bad: Tensor) -> str:
    """Why good and defective images cannot be compared; "" where they can."""
    if not good.any():
        return ONLY_DEFECTIVE
    return "" if bad.any() else ONLY_GOOD


def no_pixels(negatives: Tensor, positives: Tensor, bad: Tensor) -> str:
    """Why normal and defective pixels cannot be compared; "" where they can. bad: the numbers of defective images."""
    if not positives.any():
        return UNMASKED if bad.any() else ONLY_GOOD
    return "" if negatives.any() else "the masks cover every pixel and no good image was tested"


def joined(state: Any) -> Tensor:
    """A "cat" state: a list before it is synchronised, one tensor after."""
    return torch.cat(state).cpu() if isinstance(state, list) and state else torch.as_tensor(state).flatten().cpu()
