"""Scores that compare x0 with its projection, pixel by pixel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import torch

from renormal.contracts import Autoencoder, Images, Maps
from renormal.functional.ssim import SIGMA, WINDOW, dssim_of_change
from renormal.scores.smoothing import Smooth

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


@dataclass(frozen=True)
class Comparison(ABC):
    """A map of x0 and what it became, smoothed."""

    smooth: Smooth = field(default=Smooth(), kw_only=True)

    def __call__(self, model: Autoencoder, x0: Images, projected: Images) -> Maps:
        return self.smooth(self.compare(x0, projected))

    @abstractmethod
    def compare(self, x0: Images, projected: Images) -> Maps:
        """The map before it is smoothed."""


@dataclass(frozen=True)
class DSSIM(Comparison):
    """(1 − SSIM(x₀, x_N)) / 2, averaged over channels (section 4.1); in [0, 1].

    window (odd, pixels) and sigma: Wang et al. 2004. grey: compare luminance, as Bergmann et al. (CVPR 2019) did.
    """

    top: ClassVar[float] = 1.0

    window: int = WINDOW
    sigma: float = SIGMA
    grey: bool = False

    def __post_init__(self) -> None:
        if self.window % 2 == 0 or self.window < 3 or self.sigma <= 0:
            raise ValueError(f"score: window must be odd and > 1, sigma > 0, got {self.window} and {self.sigma}")

    def compare(self, x0: Images, projected: Images) -> Maps:
        x, d = x0.float(), projected.float() - x0.float()
        if self.grey:  # of d, too: the luminances of two nearly equal images differ by their rounding
            x, d = luminance(x), luminance(d)
        return dssim_of_change(x, d, self.window, self.sigma).mean(dim=1).clamp(max=1)


@dataclass(frozen=True)
class SquaredError(Comparison):
    """(x₀ − x_N)², averaged over channels; in [0, 1]."""

    top: ClassVar[float] = 1.0

    def compare(self, x0: Images, projected: Images) -> Maps:
        return (x0 - projected).square().mean(dim=1)


def luminance(x: Images) -> Images:
    """Y' = 0.299 R + 0.587 G + 0.114 B of colour images; others stay as they are."""
    if x.shape[1] != 3:
        return x
    weights = torch.tensor(LUMA, device=x.device, dtype=x.dtype)[:, None, None]
    return (x * weights).sum(dim=1, keepdim=True)
