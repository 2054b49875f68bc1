"""Gradient magnitude similarity (Xue et al., arXiv 1308.3052) over several scales (Zavrtanik et al. 2021, RIAD)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from renormal.contracts import Images, Maps
from renormal.scores.comparison import Comparison, luminance

SCALES = 4  # the image and three halvings, Zavrtanik et al. 2021
CONSTANT = 170 / 255**2  # c, 170 for 8-bit images in the authors' GMSD.m
TINY = 1e-30  # of p + q, which is 0 in flat areas that did not change


@dataclass(frozen=True)
class MSGMS(Comparison):
    """1 − mean over scales of GMS = (2 g₀ g_N + c) / (g₀² + g_N² + c), averaged over channels; in [0, 1].

    g: length of the Prewitt gradient, border reflected. Each scale halves the one before by means of 2 × 2 pixels; its
    map is brought back bilinearly. grey: compare luminance.
    """

    top: ClassVar[float] = 1.0

    scales: int = SCALES
    constant: float = CONSTANT
    grey: bool = False

    def __post_init__(self) -> None:
        if self.scales < 1 or self.constant <= 0:
            raise ValueError(f"score: scales must be >= 1 and constant > 0, got {self.scales} and {self.constant}")

    def compare(self, x0: Images, projected: Images) -> Maps:
        height, width = x0.shape[-2:]
        step = 2 ** (self.scales - 1)
        if height % step or width % step or min(height, width) < 2 * step:
            raise ValueError(
                f"scales={self.scales} halves images of {height} × {width} {self.scales - 1} times: "
                f"sides must be multiples of {step} from {2 * step} on"
            )
        x, d = x0.float(), projected.float() - x0.float()
        if self.grey:
            x, d = luminance(x), luminance(d)
        return _dissimilarity(x, d, self.scales, self.constant).mean(dim=1)


def _dissimilarity(x: Images, d: Images, scales: int, constant: float) -> Tensor:
    """1 − GMS of x and x + d, the mean of all scales; (B, C, H, W), values in [0, 1)."""
    side, total = x.shape[-2:], gradient_dissimilarity(x, d, constant)
    for _ in range(scales - 1):
        x, d = F.avg_pool2d(x, 2), F.avg_pool2d(d, 2)
        total = total + F.interpolate(gradient_dissimilarity(x, d, constant), size=side, mode="bilinear")
    return total / scales


def gradient_dissimilarity(x: Images, d: Images, constant: float = CONSTANT) -> Tensor:
    """1 − (2pq + c) / (p² + q² + c) = (p − q)² / (p² + q² + c), p = |∇x|, q = |∇(x + d)|; of each pixel and channel.

    p − q = (p² − q²) / (p + q), with q² − p² = ∇d · (2∇x + ∇d): no difference of nearly equal numbers is left, so that
    the map of an image that hardly changed is no rounding noise.
    """
    gradient, change = _gradient(x), _gradient(d)
    p, q = (torch.hypot(*one) for one in (gradient, gradient + change))
    rise = (change * (2 * gradient + change)).sum(dim=0) / (p + q).clamp(min=TINY)
    return rise.square() / (p.square() + q.square() + constant)


def _gradient(x: Images) -> Tensor:
    """(2, B, C, H, W): Prewitt's differences along both sides, each of three pixels' mean."""
    padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
    across = padded[..., :-2, :] + padded[..., 1:-1, :] + padded[..., 2:, :]
    down = padded[..., :-2] + padded[..., 1:-1] + padded[..., 2:]
    return torch.stack((across[..., 2:] - across[..., :-2], down[..., 2:, :] - down[..., :-2, :])) / 3
