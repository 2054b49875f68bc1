"""Fills of damaged patches, one function a kind: (image, other, shape, draw) → images that replace the patch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from renormal.contracts import Images, Mask
from renormal.functional.draws import Draws
from renormal.functional.geometry import border
from renormal.functional.transfer import sent

Fill: TypeAlias = Callable[[Images, Images, Mask, Draws], Images]


def painted(image: Images, good: Images, shape: Mask, kinds: Sequence[Fill], draw: Draws) -> Images:
    """A fill for each image, of a kind drawn for it; a kind computes only its own images."""
    choice = (draw.decided(len(image)) * len(kinds)).long().clamp(max=len(kinds) - 1)
    result = image.clone()
    for number, kind in enumerate(kinds):
        rows = (choice == number).nonzero()[:, 0]
        if len(rows):
            rows = sent(rows, image.device)
            result[rows] = kind(image[rows], good.roll(1, 0)[rows], shape[rows], draw).to(image)
    return result


def moved(image: Images, other: Images, shape: Mask, draw: Draws) -> Images:
    """The image itself, turned and shifted: CutPaste (arXiv 2104.04015) in smooth shapes, ours."""
    return warped(image, draw, turn=math.pi, shift=1.0, bend=0.0)


def grafted(image: Images, other: Images, shape: Mask, draw: Draws) -> Images:
    """The next good image of the batch, turned and shifted, its brightness jittered: NSA (arXiv 2109.15222) without
    Poisson's equation. In a batch of one it is the image itself.
    """
    jitter = 0.2 * (draw.uniform(len(image), 1, 1, 1) - 0.5)
    return (warped(other, draw, turn=math.pi, shift=0.5, bend=0.0) + jitter).clamp(0, 1)


def bent(image: Images, other: Images, shape: Mask, draw: Draws) -> Images:
    """The image under a smooth displacement, ours."""
    return warped(image, draw, turn=0.1, shift=0.06, bend=0.05)


def coloured(image: Images, other: Images, shape: Mask, draw: Draws) -> Images:
    """One colour."""
    return draw.uniform(len(image), image.shape[1], 1, 1).expand_as(image)


def tinted(image: Images, other: Images, shape: Mask, draw: Draws) -> Images:
    """Brighter, darker, or of another contrast; each channel a little on its own."""
    count, channels = image.shape[:2]
    gain = 1 + 1.2 * (draw.uniform(count, 1, 1, 1) - 0.5)
    offset = 0.6 * (draw.uniform(count, 1, 1, 1) - 0.5) + 0.2 * (draw.uniform(count, channels, 1, 1) - 0.5)
    return (image * gain + offset).clamp(0, 1)


def textured(image: Images, other: Images, shape: Mask, draw: Draws) -> Images:
    """Another material: noise of any coarseness around a level, or stripes."""
    count, channels, height, width = image.shape
    cells = int(2 ** (2 + 4 * float(draw.decided(1))))
    noise = draw.field(count, cells, height, width, channels=1 + (channels - 1) * int(float(draw.decided(1)) < 0.5))
    angle, pitch = math.pi * draw.uniform(count, 1, 1, 1), 4 + 20 * draw.uniform(count, 1, 1, 1)
    rows = torch.arange(height, device=image.device)[:, None] * angle.sin()
    columns = torch.arange(width, device=image.device) * angle.cos()
    stripes = torch.sin(2 * math.pi * (rows + columns) / pitch + noise)
    pattern = torch.where(draw.uniform(count, 1, 1, 1) < 0.3, stripes, noise)
    level, contrast = draw.uniform(count, channels, 1, 1), 0.05 + 0.4 * draw.uniform(count, 1, 1, 1)
    return (level + contrast * pattern).clamp(0, 1)


def blurred(image: Images, other: Images, shape: Mask, draw: Draws) -> Images:
    """The image without its fine structure: twice the mean of a square of 5 to 17 pixels a side."""
    side = 2 * int(2 + 7 * float(draw.decided(1))) + 1
    rows, columns = (twice_the_mean(length, side, image.device) for length in image.shape[-2:])
    return rows @ image.float() @ columns.T


@lru_cache(maxsize=64)
def twice_the_mean(length: int, side: int, device: torch.device) -> Tensor:
    """(length, length): the mean over `side` pixels of a line, taken twice; at its ends over those that are there."""
    line = torch.arange(length)
    near = ((line[:, None] - line).abs() <= side // 2).float()
    mean = near / near.sum(dim=1, keepdim=True)
    return (mean @ mean).to(device)


def missing(image: Images, other: Images, shape: Mask, draw: Draws) -> Images:
    """A missing piece: the colour of a random border pixel, where most images show the backdrop."""
    edges = border(image)
    pixel = (draw.uniform(len(image)) * edges.shape[2]).long().clamp(max=edges.shape[2] - 1)
    colour = edges[torch.arange(len(image), device=image.device), :, pixel]
    return colour[:, :, None, None].expand_as(image)


FILLS: dict[str, Fill] = {
    kind.__name__: kind for kind in (moved, grafted, bent, coloured, tinted, textured, blurred, missing)
}


def warped(image: Images, draw: Draws, *, turn: float, shift: float, bend: float) -> Images:
    """Turned by ± turn radians, shifted by ± shift half sides, bent by a smooth field; reflected at the borders."""
    count, _, height, width = image.shape
    angle = turn * (2 * draw.uniform(count) - 1)
    move = shift * (2 * draw.uniform(count, 2) - 1)
    rows = [angle.cos(), -angle.sin(), move[:, 0], angle.sin(), angle.cos(), move[:, 1]]
    matrix = torch.stack(rows, dim=1).view(count, 2, 3)
    grid = F.affine_grid(matrix, [count, 1, height, width], align_corners=False)
    if bend:
        grid = grid + bend * draw.field(count, 5, height, width, channels=2).permute(0, 2, 3, 1)
    result: Tensor = F.grid_sample(image, grid.to(image), padding_mode="reflection", align_corners=False)
    return result
