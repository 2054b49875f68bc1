"""Which pixels are missing, (B, 1, H, W) with 1 = missing, and what is put there instead. Seeded, on the CPU."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from renormal.contracts import Images, Mask

Holes: TypeAlias = Callable[..., Mask]  # (count, size, *, generator) → holes
AT_128 = 128  # px of the faces that the rectangles below were measured on
FACE_PARTS = (  # top, left, bottom, right at 128 px: O1 to O6 of Li et al. (arXiv 1704.05838)
    (52, 33, 116, 71),
    (52, 57, 116, 95),
    (52, 29, 74, 99),
    (52, 29, 74, 67),
    (52, 61, 74, 99),
    (86, 40, 124, 88),
)
KEPT, AT_64 = 0.2, 64  # of the pixels, where each is missing on its own, at 64 px; as many at any side
COVERED = 0.25  # of an image by a random pattern
CELLS = 4  # of a random pattern's coarse noise, a side
LEAST = 0.3  # of the image's area, random rectangles


def square_holes(count: int, size: int, *, generator: torch.Generator, share: float = 0.375) -> Mask:
    """A square of `share` of the side, anywhere (figure 4; the share is ours)."""
    side = max(1, round(share * size))
    corners = torch.randint(size - side + 1, (count, 2), generator=generator)
    return _rectangles(size, corners, corners + side)


def mixed_holes(count: int, size: int, *, generator: torch.Generator) -> Mask:
    """The mixture that VAEAC trains on (Ivanov et al., arXiv 1806.02382, section 5.3), 1 : 1 : 2.

    The holes of Yeh et al. (arXiv 1607.07539), the face parts of Li et al. (arXiv 1704.05838), random rectangles. Drawn
    anew from their descriptions for any side, where theirs are for 128 px.
    """
    kinds = (yeh_holes, face_parts, rectangles, rectangles)
    which = torch.randint(len(kinds), (count,), generator=generator)
    return torch.cat(
        [kinds[int(kind)](1, size, generator=generator) for kind in which] or [torch.zeros(0, 1, size, size)]
    )


def yeh_holes(count: int, size: int, *, generator: torch.Generator) -> Mask:
    """The centre, a smooth random pattern, most pixels one by one, or one half of the image: 2 : 2 : 2 : 4.

    One by one 80 % are missing at 64 px; as many are known at any other side, 95 % are missing at 128 px.
    """
    quarter, half, kept = size // 4, size // 2, min(1.0, KEPT * (AT_64 / size) ** 2)
    fixed = [
        (quarter, quarter, size - quarter, size - quarter),
        (0, 0, size, half),
        (0, half, size, size),
        (0, 0, half, size),
        (half, 0, size, size),
    ]
    found = []
    for draw in torch.randint(10, (count,), generator=generator).tolist():
        if draw in (2, 3):
            found.append(pattern(size, generator=generator))
        elif draw in (4, 5):
            found.append((torch.rand(1, 1, size, size, generator=generator) >= kept).float())
        else:
            top, left, bottom, right = fixed[0 if draw < 2 else draw - 5]
            found.append(_rectangles(size, torch.tensor([[top, left]]), torch.tensor([[bottom, right]])))
    return torch.cat(found)


def pattern(size: int, *, generator: torch.Generator) -> Mask:
    """A quarter of the image: where smooth noise is above its 75 % quantile."""
    noise = F.interpolate(torch.rand(1, 1, CELLS, CELLS, generator=generator), (size, size), mode="bicubic")
    return (noise > noise.quantile(1 - COVERED)).float()


def face_parts(count: int, size: int, *, generator: torch.Generator) -> Mask:
    """One of six parts of an aligned face: a side, the eyes, one eye, the mouth."""
    which = torch.randint(len(FACE_PARTS), (count,), generator=generator)
    corners = (torch.tensor(FACE_PARTS)[which] * size / AT_128).round().long()
    return _rectangles(size, corners[:, :2], corners[:, 2:])


def rectangles(count: int, size: int, *, generator: torch.Generator) -> Mask:
    """Rectangles between two random pixels, drawn again until they cover at least 30 % of the area."""
    found: list[Tensor] = []
    while len(found) < count:
        corners = torch.randint(size, (2, 2), generator=generator)  # two points, row and column of each
        start, end = corners.amin(dim=0), corners.amax(dim=0) + 1
        if int((end - start).prod()) >= LEAST * size**2:
            found.append(torch.stack([start, end]))
    both = torch.stack(found) if found else torch.zeros(0, 2, 2, dtype=torch.long)
    return _rectangles(size, both[:, 0], both[:, 1])


def noise_filled(images: Images, holes: Mask, *, generator: torch.Generator) -> Images:
    """x outside of the holes, uniform noise in [0, 1] inside (figure 4)."""
    noise = torch.rand(images.shape, generator=generator).to(images)
    return torch.where(holes.to(images) > 0, noise, images)


def _rectangles(size: int, start: Tensor, end: Tensor) -> Mask:
    """start, end: (B, 2), row and column; the end is outside."""
    line = torch.arange(size)
    inside = (line >= start[..., None]) & (line < end[..., None])  # (B, 2, size)
    return (inside[:, 0, :, None] & inside[:, 1, None, :]).float()[:, None]


def psnr(x: Images, truth: Images, where: Mask) -> Tensor:
    """−10 log₁₀ mean (x − truth)² over the pixels where the mask is 1, (B,), in dB."""
    weight = where.expand_as(x)
    error = ((x - truth).square() * weight).sum(dim=(1, 2, 3)) / weight.sum(dim=(1, 2, 3)).clamp(min=1)
    return -10 * error.clamp(min=1e-10).log() / math.log(10)
