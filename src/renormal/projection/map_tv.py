"""MAP restoration with total variation (You et al., MIDL 2019; Chen et al., arXiv 2005.00031): −ELBO(x) + λ TV(x − x₀).

The energy is `Energy(squared_error, weight=λ, kl_weight=1, distance=TotalVariation())`, for variational models;
conf/projection/map_tv.yaml has the constants.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from renormal.contracts import Images, PerSample
from renormal.functional.blocks import blocks, per_row
from renormal.functional.norms import per_sample_sum

SIDES = (-2, -1)  # rows, columns


@dataclass(frozen=True)
class TotalVariation:
    """Σ |dᵢ₊₁,ⱼ − dᵢ,ⱼ| + |dᵢ,ⱼ₊₁ − dᵢ,ⱼ| over pixels and channels, d = x − x₀: changes come in flat patches."""

    def __call__(self, x: Images, x0: Images) -> PerSample:
        return torch.cat([_variation(x[rows] - x0[rows]) for rows in blocks(x)] or [x.new_zeros(0)])

    def slope(self, x: Images, x0: Images) -> Tensor:
        """Each difference pulls its two pixels together; where it is 0, not at all."""
        change = x - x0
        slope = torch.zeros_like(change)
        for side in SIDES:
            sign = change.diff(dim=side).sign_()
            slope.narrow(side, 1, sign.shape[side]).add_(sign)
            slope.narrow(side, 0, sign.shape[side]).sub_(sign)
        return slope


def _variation(change: Tensor) -> PerSample:
    rows, columns = (per_sample_sum(change.diff(dim=side).abs()) for side in SIDES)
    return rows + columns


@dataclass(frozen=True)
class ClippedGradient:
    """∇E with each number held within ±bound, and from update `first` + 1 on `later` times as long.

    The defaults are those of the authors' vae_restore.py, where 5e-3 becomes 2e-3 after 100 updates.
    """

    bound: float = 50.0
    first: int = 100
    later: float = 0.4

    def __post_init__(self) -> None:
        if self.bound <= 0 or self.first < 0 or self.later <= 0:
            values = f"{self.bound}, {self.first} and {self.later}"
            raise ValueError(f"ClippedGradient needs bound > 0, first >= 0 and later > 0, got {values}")

    def start(self, point: Tensor) -> tuple[()]:
        return ()

    def __call__(self, gradient: Tensor, state: tuple[()], t: PerSample) -> tuple[Tensor, tuple[()]]:
        length = torch.where(t > self.first, self.later, 1.0)
        return gradient.clamp(-self.bound, self.bound) * per_row(length, gradient), state
