"""All that is random about a batch of patches, drawn at once: one row a patch."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

UNIFORMS = 32  # numbers in [0, 1) that one patch may use
LATTICES = 5  # coarse noise: two bend an outline, two displace, one is a pattern
CELLS = 24  # side of a lattice
COARSE = 5  # side of the corner of a lattice that gives slow noise


class Chance(NamedTuple):
    """The random numbers of patches, one row each. Equal rows are equal patches, in any batch and at any resolution."""

    uniform: Tensor  # (B, UNIFORMS) in [0, 1)
    lattice: Tensor  # (B, LATTICES, CELLS, CELLS) standard normal

    def rows(self, index: slice | Tensor) -> Chance:
        """Some of the patches."""
        return Chance(self.uniform[index], self.lattice[index])

    def between(self, k: int, low: float, high: float) -> Tensor:
        """The k-th number of each row, between low and high, (B,)."""
        return low + (high - low) * self.uniform[:, k]

    def log_between(self, k: int, low: float, high: float) -> Tensor:
        """The same with equal chances for each factor, (B,)."""
        return low * (high / low) ** self.uniform[:, k]

    def sign(self, k: int) -> Tensor:
        """−1 or 1, (B,)."""
        return torch.where(self.uniform[:, k] < 0.5, -1.0, 1.0)

    def pick(self, k: int, count: int) -> Tensor:
        """One of 0 … count − 1, (B,)."""
        return (self.uniform[:, k] * count).long().clamp(max=count - 1)

    def corner(self, k: int, cells: int) -> Tensor:
        """The corner of lattice k, (B, cells, cells)."""
        return self.lattice[:, k, :cells, :cells]


def chance(count: int, device: torch.device, generator: torch.Generator | None = None) -> Chance:
    """New numbers for `count` patches. generator: on that device; None: torch's global one."""
    uniform = torch.rand(count, UNIFORMS, device=device, generator=generator)
    return Chance(uniform, torch.randn(count, LATTICES, CELLS, CELLS, device=device, generator=generator))


def smooth(lattice: Tensor, height: int, width: int) -> Tensor:
    """Noise of about unit variance where the lattice is, (..., rows, columns) → (..., H, W)."""
    rows, columns = (
        spread(cells, length, lattice.device) for cells, length in zip(lattice.shape[-2:], (height, width), strict=True)
    )
    return rows @ lattice @ columns.T


@lru_cache(maxsize=64)
def spread(cells: int, length: int, device: torch.device, corners: bool = False) -> Tensor:
    """(length, cells): bicubic interpolation of a lattice, as a matrix: on a CPU its product is the fastest way.

    corners: the first and the last pixel lie on the first and the last point of the lattice.
    """
    unit = torch.eye(cells)[None, None]
    return F.interpolate(unit, (length, cells), mode="bicubic", align_corners=corners)[0, 0].to(device)
