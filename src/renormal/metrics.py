"""Metrics of anomaly maps: integer counts over fixed bins, the same for any batches, order and number of processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from renormal.contracts import Maps, PerSample, Regions
from renormal.functional.bins import BINS, fine_bins

PIXEL_METRICS = ("pixel_auroc", "average_precision", "aupro", "best_f1")
METRICS = (*PIXEL_METRICS, "image_auroc")
REGION = 2**40  # a region's whole weight, shared by its pixels as integers: their sums are exact in any order
FPR_LIMIT = 0.3  # Bergmann et al. 2019, section 5.2

NORMAL, DEFECTIVE, UNKNOWN = 0, 1, 2


def total(values: Tensor) -> Tensor:
    """A sum in the order of the bins. The order of `sum()`, and so its last bit, depends on the number of threads."""
    return values.cumsum(0)[-1]


def auroc(negatives: Tensor, positives: Tensor) -> Tensor:
    """P(defective > normal) + ½ P(tie), from counts at ascending scores."""
    below = negatives.cumsum(0).double() - negatives.double() / 2
    return total(positives * below) / (positives.sum().double() * negatives.sum())


def image_pixel_auroc(maps: Tensor, regions: Tensor) -> float | None:
    """The AUROC of the pixels of one image; maps, regions: (H, W). None if all its pixels are of one kind."""
    bins = fine_bins(maps)
    negatives, positives = (torch.bincount(bins[chosen], minlength=BINS) for chosen in (regions == 0, regions > 0))
    return float(auroc(negatives, positives)) if negatives.any() and positives.any() else None


def average_precision(negatives: Tensor, positives: Tensor) -> Tensor:
    """Σ (recall step) · precision, from counts at ascending scores; no interpolation, as in scikit-learn."""
    true, false = positives.flip(0).cumsum(0), negatives.flip(0).cumsum(0)
    precision = true.double() / (true + false).clamp(min=1)
    return total(positives.flip(0) * precision) / positives.sum()


def f1_scores(negatives: Tensor, positives: Tensor) -> Tensor:
    """2 TP / (TP + FP + P) with each bin as threshold, the highest bin first."""
    true, false = positives.flip(0).cumsum(0), negatives.flip(0).cumsum(0)
    return 2 * true.double() / (true + false + positives.sum())


def best_f1(negatives: Tensor, positives: Tensor) -> Tensor:
    """Max over thresholds of 2 TP / (TP + FP + P), from counts at ascending scores."""
    return f1_scores(negatives, positives).max()


def best_bin(negatives: Tensor, positives: Tensor) -> int:
    """The bin that is the threshold of the best F1: its pixels and those above it are called defective."""
    return len(negatives) - 1 - int(f1_scores(negatives, positives).argmax())


def aupro(negatives: Tensor, overlap: Tensor, limit: float = FPR_LIMIT) -> Tensor:
    """∫ mean region overlap d FPR over [0, limit], divided by the limit (Bergmann et al. 2021)."""
    start = torch.zeros(1, dtype=torch.float64)
    rate = torch.cat([start, negatives.flip(0).cumsum(0).double() / negatives.sum()])
    found = torch.cat([start, overlap.flip(0).cumsum(0).double() / overlap.sum()])
    after = int(torch.searchsorted(rate, limit, right=True))  # the first point beyond the limit
    step = (limit - rate[after - 1]) / (rate[after] - rate[after - 1])
    at_limit = torch.lerp(found[after - 1], found[after], step)
    x = torch.cat([rate[:after], torch.full_like(start, limit)])
    y = torch.cat([found[:after], at_limit[None]])
    return total((y[1:] + y[:-1]) / 2 * x.diff()) / limit


def shares(regions: Regions) -> Tensor:
    """Each defective pixel's share of its region, REGION / area as an integer, in the order of `regions > 0`."""
    image, row, column = torch.nonzero(regions > 0, as_tuple=True)
    if not len(image):
        return image
    region = image * (regions.max() + 1) + regions[image, row, column]
    area = torch.bincount(region)[region]
    return (REGION + area // 2) // area


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
        raise TypeError(f"regions must be integers that number the defects of each image, got {regions.dtype}")
    low, high = (value.item() for value in maps.float().aminmax())
    if not (low >= 0 and high < float("inf")):  # a NaN fails both
        raise ValueError(f"maps must be finite and >= 0, got [{low:.3g}, {high:.3g}]")
    if regions.min() < -1:
        raise ValueError(f"regions must be -1 (unknown), 0 (normal) or a defect's number, got {int(regions.min())}")


class AnomalyMetrics(Metric):
    """Pixel AUROC, average precision, AUPRO, best F1 and image AUROC of a test set.

    Pixels are counted over fixed bins: memory is constant and scores need no range. Images keep their exact score.
    `compute()` leaves out a metric whose two classes are not both there; `undefined` holds the reason.
    """

    full_state_update = False
    counts: Tensor
    overlap: Tensor
    image_scores: list[Tensor]
    image_labels: list[Tensor]

    def __init__(self, *, image_score: Callable[[Maps], PerSample] = highest) -> None:
        super().__init__()
        self.image_score = image_score
        self.undefined: dict[str, str] = {}
        self.add_state("counts", torch.zeros(2, BINS, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("overlap", torch.zeros(BINS, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("image_scores", [], dist_reduce_fx="cat")
        self.add_state("image_labels", [], dist_reduce_fx="cat")

    def update(self, maps: Maps, regions: Regions) -> None:
        """Count one batch. Pixels of region −1 (a defect without a mask) count only towards their image's label."""
        check(maps, regions)
        regions = regions.long()
        bins = fine_bins(maps)
        kind = (regions > 0).int() * DEFECTIVE + (regions < 0).int() * UNKNOWN
        counts = torch.bincount((bins + kind * BINS).flatten(), minlength=3 * BINS).view(3, BINS)
        self.counts = self.counts + counts[:UNKNOWN]
        self.overlap = self.overlap.index_add(0, bins[regions > 0], shares(regions))
        self.image_scores.append(self.image_score(maps).float())
        self.image_labels.append((regions != 0).flatten(1).any(1).float())  # float: an empty rank gathers float32

    def compute(self) -> dict[str, Tensor]:
        """Every metric that is defined, as float64 on the CPU."""
        negatives, positives = self.counts.cpu()
        values: dict[str, Tensor] = {}
        self.undefined = {}
        if reason := lacking("pixel", negatives, positives):
            self.undefined = dict.fromkeys(PIXEL_METRICS, reason)
        else:
            values["pixel_auroc"] = auroc(negatives, positives)
            values["average_precision"] = average_precision(negatives, positives)
            values["aupro"] = aupro(negatives, self.overlap.cpu())
            values["best_f1"] = best_f1(negatives, positives)
        good, bad = self.image_counts()
        if reason := lacking("image", good, bad):
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


def lacking(noun: str, negatives: Tensor, positives: Tensor) -> str:
    """Which of the two classes is missing, as a text; empty if none is."""
    if not negatives.sum():
        return f"no normal {noun}"
    return "" if positives.sum() else f"no defective {noun}" + (" with a known mask" if noun == "pixel" else "")


def joined(state: Any) -> Tensor:
    """A "cat" state: a list before it is synchronised, one tensor after."""
    return torch.cat(state).cpu() if isinstance(state, list) and state else torch.as_tensor(state).flatten().cpu()
