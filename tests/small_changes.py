"""Images that hardly changed: what a descent through a good network leaves."""

from __future__ import annotations

import torch
from torch import Tensor

from renormal.functional.ssim import C1, C2, gaussian_matrix

CHANGES = tuple(10.0**-power for power in range(8))  # |y − x| at most
KINDS = ("flat", "textured", "white", "dark", "shifted")


def changed(kind: str, size: float) -> tuple[Tensor, Tensor]:
    """x and y = x + a smooth bump of at most `size`, noisy or not; (1, 1, 64, 64) each, values in [0, 1]."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1, 1, 64, 64, generator=generator)
    bump = torch.exp(-((torch.arange(64) - 30.0) ** 2) / 200)
    bump = bump[:, None] * bump * torch.rand(1, 1, 64, 64, generator=generator)
    images = {"flat": 0.5 + 0.01 * noise, "textured": noise.sigmoid(), "white": torch.ones_like(noise)}
    x = images.get(kind, 0.05 * noise.abs() if kind == "dark" else 0.5 + 0.05 * noise).clamp(0, 1)
    if kind == "shifted":
        bump = (bump + 1) / 2  # of nearly one height everywhere
    y = x - size * bump if kind == "white" else x + size * bump
    return x, y.clamp(0, 1)


def ranking_agreement(one: Tensor, other: Tensor) -> float:
    """Spearman's rank correlation of all pixels."""
    ranks = [values.flatten().argsort().argsort().double() for values in (one, other)]
    return float(torch.corrcoef(torch.stack(ranks))[0, 1])


def dssim_in_float64(x: Tensor, y: Tensor) -> Tensor:
    """DSSIM without a difference of nearly equal numbers, with dense windows."""
    x, y = x.double(), y.double()
    windows = [gaussian_matrix(length, 11, 1.5).double() for length in x.shape[-2:]]
    rows, columns = (window / window.sum(dim=1, keepdim=True) for window in windows)

    def mean(image: Tensor) -> Tensor:
        return rows @ image @ columns.T

    d = y - x
    variances = [mean(image.square()) - mean(image).square() for image in (x, y, d)]
    a = mean(d).square() / (mean(x).square() + mean(y).square() + C1)
    b = variances[2] / (variances[0] + variances[1] + C2)
    return (a + b - a * b) / 2
