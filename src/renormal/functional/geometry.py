"""Coordinates and borders of images, for drawing on them."""

from __future__ import annotations

import torch
from torch import Tensor

from renormal.contracts import Images


def turned(x: Tensor, y: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """x cos a + y sin a and y cos a − x sin a: coordinates along a direction and across it."""
    return x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()


def border(images: Images) -> Tensor:
    """The outermost pixels: first row, last row, first column, last column; (B, C, H, W) → (B, C, 2 W + 2 H)."""
    return torch.cat([images[..., 0, :], images[..., -1, :], images[..., 0], images[..., -1]], dim=-1)
