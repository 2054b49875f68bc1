"""Random tensors from one generator on one device."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


class Draws:
    """Numbers from one generator on one device."""

    def __init__(self, device: torch.device, generator: torch.Generator | None) -> None:
        self.device, self.generator = device, generator

    def uniform(self, *shape: int) -> Tensor:
        return torch.rand(shape, device=self.device, generator=self.generator)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, device=self.device, generator=self.generator)

    def field(self, count: int, cells: int, height: int, width: int, *, channels: int = 1) -> Tensor:
        """Smooth noise of about unit variance, (B, channels, H, W)."""
        coarse = self.normal(count, channels, cells, cells)
        return F.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)
