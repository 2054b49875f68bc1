"""Covers of planted defects: (B, 1, H, W) in [0, 1], how far each pixel is covered, exactly 0 outside.

Lengths are in units of the image's shorter side: one draw is the same defect at every resolution.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from renormal.contracts import Images
from renormal.functional.geometry import border, turned

UNIFORMS = 24  # numbers in [0, 1) that one defect may use
CELLS = 16  # side of a lattice of noise
LATTICES = 2  # one bends the outline, one fills it
AREA = (0.001, 0.05)  # of the image, log-uniform, ours
LENGTH, HALF_WIDTH = (0.10, 0.60), (0.003, 0.012)  # of a scratch, log-uniform, ours
SEGMENTS = 16  # straight pieces of a bent line
APART = 0.10  # levels from which on a pixel differs from the backdrop, ours


class Draw(NamedTuple):
    """All that is random about a batch of defects, one row each."""

    uniform: Tensor  # (B, UNIFORMS) in [0, 1)
    lattice: Tensor  # (B, LATTICES, CELLS, CELLS) standard normal
    centre: Tensor  # (B, 2) column and row, in short sides

    def between(self, k: int, low: float, high: float) -> Tensor:
        """The k-th number of each row, (B, 1, 1)."""
        return (low + (high - low) * self.uniform[:, k])[:, None, None]

    def log_between(self, k: int, low: float, high: float) -> Tensor:
        return low * (high / low) ** self.uniform[:, k][:, None, None]

    def sign(self, k: int) -> Tensor:
        return torch.where(self.uniform[:, k] < 0.5, -1.0, 1.0)[:, None, None]

    def noise(self, k: int, x: Tensor, y: Tensor) -> Tensor:
        """Smooth noise of about unit variance, a cell a unit: interpolated random values, a relative of Perlin's
        gradient noise (SIGGRAPH 1985), which DRAEM takes (arXiv 2108.07610)."""
        grid = torch.stack([x, y], dim=-1) * (2 / CELLS)
        values = F.grid_sample(
            self.lattice[:, k : k + 1], grid, mode="bicubic", padding_mode="reflection", align_corners=False
        )
        return 1.2 * values[:, 0]


def offsets(images: Images, draw: Draw) -> tuple[Tensor, Tensor]:
    """How far each pixel lies right of and below the centre, two (B, H, W)."""
    height, width = images.shape[-2:]
    side = min(height, width)
    x = ((torch.arange(width) + 0.5) / side)[None, None, :] - draw.centre[:, 0, None, None]
    y = ((torch.arange(height) + 0.5) / side)[None, :, None] - draw.centre[:, 1, None, None]
    return torch.broadcast_tensors(x, y)  # type: ignore[no-any-return, no-untyped-call]


def own_frame(images: Images, draw: Draw) -> tuple[Tensor, Tensor]:
    """Coordinates in which the outline of a patch is 1 from its centre: turned and stretched. Uses numbers 0 to 2."""
    x, y = offsets(images, draw)
    height, width = images.shape[-2:]
    whole = height * width / min(height, width) ** 2
    radius = (draw.log_between(0, *AREA) * (whole / math.pi)).sqrt()
    aspect, angle = draw.log_between(1, 1.0, 2.5), draw.between(2, 0.0, 2 * math.pi)
    along, across = turned(x, y, angle)
    return along / (radius * aspect.sqrt()), across / (radius / aspect.sqrt())


def blob(images: Images, draw: Draw, *, ragged: float = 0.25, soft: float = 0.2) -> Tensor:
    """A patch with a wavy outline. soft: share of the radius over which it fades."""
    along, across = own_frame(images, draw)
    distance = (along.square() + across.square()).sqrt() + ragged * draw.noise(0, 1.2 * along, 1.2 * across)
    ramp = ((1 - distance) / soft).clamp(0, 1)
    return (ramp * ramp * (3 - 2 * ramp))[:, None]


def box(images: Images, draw: Draw) -> Tensor:
    """A turned rectangle with a hard edge (CutPaste, arXiv 2104.04015)."""
    along, across = own_frame(images, draw)
    half = math.sqrt(math.pi) / 2  # the area of the blob without waves
    return (torch.maximum(along.abs(), across.abs()) < half).float()[:, None]


def line(images: Images, draw: Draw) -> Tensor:
    """A bent scratch: near a quadratic Bézier curve. Uses numbers 0 to 3."""
    x, y = offsets(images, draw)
    pixel = 1 / min(images.shape[-2:])
    length, half = draw.log_between(0, *LENGTH), draw.log_between(1, *HALF_WIDTH)
    angle, bow = draw.between(2, 0.0, 2 * math.pi), draw.between(3, -0.6, 0.6)
    along, across = turned(x, y, angle)
    t = torch.linspace(-1, 1, SEGMENTS + 1)
    points = [(0.5 * length * a, 0.5 * length * bow * (1 - a * a)) for a in t]
    nearest = torch.full_like(along, torch.inf)
    for (ax, ay), (bx, by) in pairwise(points):
        dx, dy = bx - ax, by - ay
        share = (((along - ax) * dx + (across - ay) * dy) / (dx * dx + dy * dy)).clamp(0, 1)
        nearest = torch.minimum(nearest, torch.hypot(along - ax - share * dx, across - ay - share * dy))
    return ((half.clamp(min=pixel / 2) + pixel / 2 - nearest) / pixel).clamp(0, 1)[:, None]


def backdrop(images: Images) -> Tensor:
    """The median colour of each image's outermost pixels, (B, C, 1, 1): what lies behind an object."""
    return border(images).median(dim=-1).values[..., None, None]


def part(images: Images) -> Tensor:
    """(B, H, W): pixels that differ from the backdrop, as NSA finds its objects (arXiv 2109.15222); all of them where
    that is nearly nothing or nearly everything."""
    found = (images - backdrop(images)).abs().amax(dim=1) > APART
    share = found.float().mean(dim=(1, 2), keepdim=True)
    return found | (share < 0.05) | (share > 0.95)


def centres(images: Images, uniform: Tensor) -> Tensor:
    """(B, 2): of the part's pixels the one that a number in [0, 1) names, in short sides."""
    inside = part(images).flatten(1)
    rank = (uniform * inside.sum(dim=1)).floor() + 1
    place = torch.searchsorted(inside.cumsum(dim=1).float(), rank[:, None])[:, 0]
    width, side = images.shape[-1], min(images.shape[-2:])
    return torch.stack([place % width, place // width], dim=1).add(0.5) / side
