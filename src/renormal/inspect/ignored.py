"""The mask of a station: what it ignores counts in nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from renormal.contracts import Maps
from renormal.data.images import converted, flattened, square
from renormal.inspect.photographs import Frame, Photograph, decoded

WHITE = 127  # greys above it are white, ours


@dataclass(frozen=True)
class Ignored:
    """pixels: (H, W), True = ignored, on the photograph's pixels. small: (size, size), on the network's pixels.

    A pixel of the network is ignored where a part of it is.
    """

    path: Path
    pixels: NDArray[np.bool_]
    frame: Frame

    @cached_property
    def small(self) -> torch.Tensor:
        height, width = self.pixels.shape
        left, upper, right, lower = square((width, height), self.frame.fit)
        kept = touched(touched(self.pixels[upper:lower, left:right], self.frame.size).T, self.frame.size).T
        return torch.from_numpy(np.ascontiguousarray(kept))

    def check(self, one: Photograph) -> None:
        """Raise ValueError for a photograph of another size."""
        height, width = self.pixels.shape
        if (one.width, one.height) != (width, height):
            sizes = f"{one.width} × {one.height} pixels, the mask {self.path} has {width} × {height}"
            raise ValueError(f"{one.name}: {sizes}; draw it on a photograph of this size")

    def cleared(self, maps: Maps) -> Maps:
        """Maps, (B, size, size), that are 0 where the mask ignores."""
        return maps.masked_fill(self.small.to(maps.device), 0)


def read_ignored(path: Path, frame: Frame) -> Ignored:
    """White = ignored. Raises ValueError with one line for a mask that ignores nothing, or everything."""
    image = converted(flattened(decoded(path, frame), "black", path), "L", path)
    grey = np.asarray(image)
    if not (grey > WHITE).any():
        raise ValueError(
            f"{path}: no pixel is white, the brightest is {grey.max()} of 255; draw in white what to ignore"
        )
    found = Ignored(path, grey > WHITE, frame)
    if bool(found.small.all()):
        raise ValueError(f"{path}: ignores every pixel that the network gets; leave some of it black")
    return found


def touched(pixels: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """(N, M) → (size, M): whether any pixel that a row of the result overlaps is True."""
    count = len(pixels)
    sums = np.concatenate([np.zeros((1, pixels.shape[1]), np.int32), pixels.cumsum(axis=0, dtype=np.int32)])
    rows = np.arange(size + 1) * count
    found: NDArray[np.bool_] = sums[-(-rows[1:] // size)] > sums[rows[:-1] // size]
    return found
