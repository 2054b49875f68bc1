"""Cut large images into overlapping tiles that cover every pixel, and blend tiles back."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def starts(length: int, size: int, stride: int) -> list[int]:
    """0, stride, 2·stride, …, with the last tile moved back so that it ends at the border."""
    if not 0 < stride <= size <= length:
        raise ValueError(f"tiles need 0 < stride <= tile <= image, got stride {stride}, tile {size}, image {length}")
    return sorted({*range(0, length - size, stride), length - size})


def corners(height: int, width: int, size: int, stride: int) -> list[tuple[int, int]]:
    """(top, left) of every tile, row by row."""
    return [(top, left) for top in starts(height, size, stride) for left in starts(width, size, stride)]


def tiles(length: int, size: int, stride: int) -> int:
    """How many tiles cover a square image; 1 where it is one itself."""
    return 1 if length == size else len(starts(length, size, stride)) ** 2


def shrunk(images: Tensor, n: int) -> Tensor:
    """(B, C, H, W) → (B, C, H / n, W / n): means of n × n pixels. n = 1: the images themselves."""
    return images if n == 1 else F.avg_pool2d(images.float(), n)


def enlarged(maps: Tensor, n: int) -> Tensor:
    """(B, H, W) or (B, C, H, W), n times as high and wide, bilinearly. n = 1: the maps themselves."""
    if n == 1:
        return maps
    side = [n * length for length in maps.shape[-2:]]
    return F.interpolate(maps.unsqueeze(1) if maps.ndim == 3 else maps, side, mode="bilinear").view(
        *maps.shape[:-2], *side
    )


def cut(images: Tensor, size: int, stride: int) -> Tensor:
    """(B, ..., H, W) → (B·T, ..., size, size), the tiles of one image in a row. An image of that size is one tile."""
    if images.shape[-2:] == (size, size):
        return images
    where = corners(images.shape[-2], images.shape[-1], size, stride)
    parts = torch.stack([images[..., top : top + size, left : left + size] for top, left in where], dim=1)
    return parts.flatten(0, 1)  # (B, T, …) → (B·T, …)


def blend(parts: Tensor, height: int, width: int, stride: int) -> Tensor:
    """(B·T, ..., size, size) → (B, ..., H, W): the mean of all tiles that cover a pixel."""
    if parts.shape[-2:] == (height, width):
        return parts
    size = parts.shape[-1]
    where = corners(height, width, size, stride)
    parts = parts.reshape(-1, len(where), *parts.shape[1:])  # (B·T, …) → (B, T, …)
    total = parts.new_zeros((parts.shape[0], *parts.shape[2:-2], height, width))
    count = parts.new_zeros((height, width))
    for k, (top, left) in enumerate(where):
        total[..., top : top + size, left : left + size] += parts[:, k]
        count[top : top + size, left : left + size] += 1
    return total / count
