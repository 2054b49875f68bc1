"""Smoothing of a map: a mean or a Gaussian."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch.nn.functional as F

from renormal.contracts import Maps
from renormal.functional.norms import float32
from renormal.functional.ssim import blur

TRUNCATE = 4.0  # σ after which the Gaussian ends, as in scipy


@dataclass(frozen=True)
class Smooth:
    """The mean of mean × mean pixels around each, or a Gaussian one of σ = gaussian; with neither, the map itself.

    In pixels of what is scored: a tile where test.average=maps. share: the side of the square as a share of the side of
    what is scored, in place of mean, rounded to an odd number of pixels. The border is reflected.
    """

    mean: int = 0  # odd; 21 in Zavrtanik et al. 2021
    gaussian: float = 0.0
    share: float = 0.0

    def __post_init__(self) -> None:
        if self.mean < 0 or (self.mean and self.mean % 2 == 0) or self.gaussian < 0:
            raise ValueError(f"score.smooth: mean must be 0 or odd, gaussian >= 0, got {self.mean} and {self.gaussian}")
        if not 0 <= self.share < 1:
            raise ValueError(f"score.smooth: share must lie in [0, 1), got {self.share:g}")
        given = {key: value for key, value in vars(self).items() if value}
        if len(given) > 1:
            raise ValueError(f"score.smooth: one of {' and '.join(f'{k}={v:g}' for k, v in given.items())}, not both")

    @float32
    def __call__(self, maps: Maps) -> Maps:
        window = self.mean or (2 * math.ceil(TRUNCATE * self.gaussian) + 1 if self.gaussian else 1)
        if self.share:
            window = 2 * round((self.share * min(maps.shape[-2:]) - 1) / 2) + 1
        if window // 2 >= min(maps.shape[-2:]):
            raise ValueError(f"score.smooth: {window} pixels around each do not fit into maps of {maps.shape[-1]}")
        if self.gaussian:
            return blur(maps.float(), window, self.gaussian)
        return _box(maps.float(), window) if window > 1 else maps


def _box(maps: Maps, window: int) -> Maps:
    """Columns, then rows: window + window sums a pixel in place of window · window."""
    radius = window // 2
    padded = F.pad(maps[:, None], (radius,) * 4, mode="reflect")
    rows = F.avg_pool2d(padded, (window, 1), stride=1)
    return F.avg_pool2d(rows, (1, window), stride=1)[:, 0]
