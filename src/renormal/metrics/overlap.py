"""Areas under curves of overlap: of regions (AUPRO) and of images (AUPIMO), over the false positive rate."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from renormal.contracts import PerSample, Regions
from renormal.metrics.rates import total

REGION = 2**40  # a region's whole weight, shared by its pixels as integers: their sums are exact in any order
FPR_LIMIT = 0.3  # Bergmann et al. 2019, section 5.2
FPR_BOUNDS = (1e-5, 1e-4)  # Bertoldo et al. 2024, section 3


def aupro(negatives: Tensor, overlap: Tensor, limit: float = FPR_LIMIT) -> Tensor:
    """∫ mean region overlap d FPR over [0, limit], divided by the limit (Bergmann et al. 2021). limit: in (0, 1)."""
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


def aupimo(
    normal: Tensor, found: Sequence[tuple[Tensor, Tensor]], bounds: tuple[float, float] = FPR_BOUNDS
) -> PerSample:
    """∫ TPR of one image d log FPR over the bounds, divided by log(upper / lower) (Bertoldo et al., arXiv 2401.01984).

    normal: pixels of good images by bin; their rate above a threshold is the shared FPR. found: of each image with a
    defect its bins with defective pixels, ascending, and their counts. One value for each image, in [0, 1]. Between
    two thresholds the TPR is linear in log FPR. The FPR of the highest bin with normal pixels must not be above the
    lower bound: see `unseen`.
    """
    bins = normal.nonzero()[:, 0].flip(0)  # from the highest score
    ends = (normal[bins].cumsum(0).double() / normal.sum()).log()
    low, high = (math.log(bound) for bound in bounds)
    last = int(torch.searchsorted(ends, high)) + 1  # nothing behind it counts
    bins, ends = bins[:last], ends[:last]
    x0, x1 = ends[:-1], ends[1:]
    a, b = x0.clamp(low, high), x1.clamp(low, high)
    areas = []
    for places, counts in found:
        above = torch.cat([counts.new_zeros(1), counts.cumsum(0)])  # defective pixels below the k-th place
        recall = 1 - above.double() / above[-1]
        y0 = recall[torch.searchsorted(places, bins[1:], right=True)]  # above the bin
        y1 = recall[torch.searchsorted(places, bins[1:])]  # with the bin
        slope = (y1 - y0) / (x1 - x0)
        areas.append(total((b - a) * (y0 + slope * ((a + b) / 2 - x0))) / (high - low))
    return torch.stack(areas)


def unseen(normal: Tensor, bound: float = FPR_BOUNDS[0]) -> str:
    """Why an FPR as low as `bound` cannot be measured on these counts; "" where it can."""
    pixels = int(normal.sum())
    if pixels * bound < 1:
        return f"{pixels} pixels of good images, an FPR of {bound:g} needs {math.ceil(1 / bound)}"
    ties = int(normal[normal.nonzero()[-1]])
    return "" if ties <= pixels * bound else f"{ties} of {pixels} pixels of good images have the highest score"
