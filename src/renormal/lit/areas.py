"""The score of an image whose defects have at least a given area (Bergmann et al., CVPR 2019, section 4.3)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from renormal.contracts import Maps, PerSample
from renormal.data.regions import EIGHT
from renormal.metrics import highest


def scores_from(maps: Maps, area: int) -> PerSample:
    """s_A = max {t : a connected part of {map >= t} has at least A pixels}. s_1 is the maximum of the map.

    An image has a defect of A pixels above a threshold if and only if its s_A is above it.
    """
    if area == 1:
        return highest(maps)
    found = [_score(one, area) for one in maps.cpu().numpy()]
    return torch.tensor(found, dtype=maps.dtype, device=maps.device)


def _score(values: NDArray[np.float32], area: int) -> float:
    """By bisection over the values of one map. A map with fewer pixels than the area has its minimum."""
    levels = np.unique(values)
    low, high = 0, len(levels) - 1  # at `low` the part is large enough
    while low < high:
        middle = (low + high + 1) // 2
        if largest_part(values >= levels[middle]) >= area:
            low = middle
        else:
            high = middle - 1
    return float(levels[low])


def largest_part(mask: NDArray[np.bool_]) -> int:
    """Pixels of the largest connected part."""
    labels, count = ndimage.label(mask, EIGHT)
    return int(np.bincount(labels.ravel())[1:].max()) if count else 0
