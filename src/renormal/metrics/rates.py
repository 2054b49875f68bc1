"""AUROC, average precision and F1 from counts at ascending scores."""

from __future__ import annotations

import torch
from torch import Tensor

from renormal.functional.bins import fine_bins


def total(values: Tensor) -> Tensor:
    """A sum in the order of the bins. The order of `sum()`, and so its last bit, depends on the number of threads."""
    return values.cumsum(0)[-1]


def auroc(negatives: Tensor, positives: Tensor) -> Tensor:
    """P(defective > normal) + ½ P(tie), from counts at ascending scores."""
    below = negatives.cumsum(0).double() - negatives.double() / 2
    return total(positives * below) / (positives.sum().double() * negatives.sum())


def image_pixel_auroc(maps: Tensor, regions: Tensor) -> float | None:
    """The AUROC of the pixels of one image; maps, regions: (H, W). None if all its pixels are of one kind."""
    occupied, rank = torch.unique(fine_bins(maps), return_inverse=True)
    kinds = (regions == 0, regions > 0)
    negatives, positives = (torch.bincount(rank[kind], minlength=len(occupied)) for kind in kinds)
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


def exceeded_bin(counts: Tensor, share: float) -> int:
    """The lowest bin that at most `share` of all counts reach; one beyond the highest bin where no other does."""
    occupied = counts.nonzero()[:, 0]  # an empty bin is reached as often as the next one that is not
    every, counts = counts.sum(), counts[occupied]
    reaching = every - counts.cumsum(0) + counts  # counts in this bin and above it
    above = occupied[reaching.double() > share * float(every)]
    return int(above[-1]) + 1 if len(above) else 0
