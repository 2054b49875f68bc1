"""Outlines of patches, one function a kind: how far inside each pixel lies, in short sides, (B, H, W).

Each uses numbers 0 to 7 of its patch, and lattices 0 and 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from renormal.functional.chance import CELLS, COARSE, Chance, smooth
from renormal.functional.geometry import turned

CORNERS = 5  # of a shard
CRACK = 0.012  # half the width of the widest crack in short sides, ours; the thinnest has one pixel


class Frame(NamedTuple):
    """Coordinates of a patch, in short sides from its centre."""

    along: Tensor  # (B, H, W), along its own axis
    across: Tensor  # (B, H, W)
    slow: Tensor  # (B, H, W), noise
    fine: Tensor  # (B, H, W), noise
    size: Tensor  # (B, 1, 1), diameter in short sides
    pixel: float  # a pixel in short sides

    def rows(self, index: slice) -> Frame:
        """Of some of the patches."""
        along, across, slow, fine, size = (part[index] for part in self[:-1])
        return Frame(along, across, slow, fine, size, self.pixel)


Outline: TypeAlias = Callable[[Frame, Chance], Tensor]


def frame(height: int, width: int, centre: Tensor, size: Tensor, draw: Chance) -> Frame:
    """centre: (B, 2), column and row in short sides. size: (B,). Uses number 0."""
    x, y = ways(height, width, centre)
    along, across = turned(x, y, draw.between(0, 0.0, 2 * math.pi)[:, None, None])
    slow, fine = (smooth(draw.corner(k, cells), height, width) for k, cells in enumerate((COARSE, CELLS)))
    return Frame(along, across, slow, fine, size[:, None, None], 1 / min(height, width))


def ways(height: int, width: int, centre: Tensor) -> tuple[Tensor, Tensor]:
    """How far each column and row lies from the centre, in short sides, (B, 1, W) and (B, H, 1)."""
    columns, rows = (torch.arange(length, device=centre.device) + 0.5 for length in (width, height))
    side = min(height, width)
    return (columns / side - centre[:, :1])[:, None, :], (rows / side - centre[:, 1:])[:, :, None]


def blot(at: Frame, draw: Chance) -> Tensor:
    """A stretched patch with a ragged border."""
    stretch = draw.log_between(1, 1.0, 1.7)[:, None, None]
    radius = 0.5 * at.size * (1 - 0.3 * at.slow - 0.1 * at.fine)
    return radius - torch.hypot(at.along / stretch, at.across * stretch)


def shard(at: Frame, draw: Chance) -> Tensor:
    """A convex piece with straight, hardly rough sides."""
    inside = 0.3 * at.size * at.fine / 10
    sides = torch.full_like(inside, torch.inf)
    for k in range(CORNERS):
        angle = (2 * math.pi / CORNERS) * (k + 0.7 * draw.uniform[:, 2 + k, None, None])
        away = at.size * (0.3 + 0.2 * draw.uniform[:, 2 + (k + 2) % CORNERS, None, None])
        sides = torch.minimum(sides, away - turned(at.along, at.across, angle)[0])
    return inside + sides


def spots(at: Frame, draw: Chance) -> Tensor:
    """Many small spots within a patch."""
    level = draw.between(2, 0.2, 1.0)[:, None, None]
    return torch.minimum((at.fine - level) / (2.5 * CELLS), blot(at, draw))


def crack(at: Frame, draw: Chance) -> Tensor:
    """A jagged line of one pixel to 0.024 short sides that thins out; it is 0.1 to 1 short sides long."""
    length = draw.log_between(2, 0.05, 0.5)[:, None, None]
    path = at.across + 0.15 * length * at.slow + 0.006 * at.fine
    steep = torch.hypot(*torch.gradient(path, spacing=at.pixel, dim=(1, 2)))
    half = draw.between(3, 0.0, CRACK)[:, None, None].clamp(min=0.5 * at.pixel)
    return half * (1 - (at.along / length).square()).clamp(min=-1) - path.abs() / steep.clamp(min=0.5)


OUTLINES: dict[str, Outline] = {kind.__name__: kind for kind in (blot, shard, spots, crack)}
