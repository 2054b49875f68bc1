"""Gradient magnitude similarity (Xue et al., arXiv 1308.3052) over several scales (Zavrtanik et al. 2021, RIAD)."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from renormal.contracts import Images, Maps
from renormal.scores.comparison import Comparison, luminance

SCALES = 4  # the image and three halvings, Zavrtanik et al. 2021
CONSTANT = 170 / 255**2  # c, 170 for 8-bit images in the authors' GMSD.m


@dataclass(frozen=True)
class MSGMS(Comparison):
    """1 − mean over scales of GMS = (2 g₀ g_N + c) / (g₀² + g_N² + c), averaged over channels; in [0, 1].

    g: length of the Prewitt gradient, border reflected. Each scale halves the one before by means of 2 × 2 pixels; its
    map is brought back bilinearly. grey: compare luminance.
    """

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
                f"score.scales={self.scales} halves images of {height} × {width} {self.scales - 1} times: "
                f"sides must be multiples of {step} from {2 * step} on"
            )
        if self.grey:
            x0, projected = luminance(x0), luminance(projected)
        return (1 - _similarity(x0, projected, self.scales, self.constant)).mean(dim=1).clamp(0, 1)


def _similarity(x: Images, y: Images, scales: int, constant: float) -> Tensor:
    """(B, C, H, W), values in (0, 1]: the mean of all scales."""
    x, y = x.float(), y.float()
    side, total = x.shape[-2:], gradient_similarity(x, y, constant)
    for _ in range(scales - 1):
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
        total = total + F.interpolate(gradient_similarity(x, y, constant), size=side, mode="bilinear")
    return total / scales


def gradient_similarity(x: Images, y: Images, constant: float = CONSTANT) -> Tensor:
    """(2 gₓ g_y + c) / (gₓ² + g_y² + c) of each pixel and channel."""
    squares = _squared_gradient(x), _squared_gradient(y)
    return (2 * (squares[0] * squares[1]).sqrt() + constant) / (squares[0] + squares[1] + constant)


def _squared_gradient(x: Images) -> Tensor:
    """g²: Prewitt's differences, each of three pixels' mean."""
    padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
    across = padded[..., :-2, :] + padded[..., 1:-1, :] + padded[..., 2:, :]
    down = padded[..., :-2] + padded[..., 1:-1] + padded[..., 2:]
    horizontal, vertical = across[..., 2:] - across[..., :-2], down[..., 2:, :] - down[..., :-2, :]
    return (horizontal.square() + vertical.square()) / 9
