"""Mirrored and turned copies of images, and their maps turned back."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

SIDES = (-2, -1)  # rows, columns


@dataclass(frozen=True)
class View:
    """(..., H, W) with left and right swapped where mirror, then turned by so many quarters of a turn."""

    mirror: bool = False
    turns: int = 0

    def __call__(self, images: Tensor) -> Tensor:
        return torch.rot90(images.flip(-1) if self.mirror else images, self.turns, SIDES)

    def back(self, maps: Tensor) -> Tensor:
        """Maps of this view, turned back to the image."""
        turned = torch.rot90(maps, -self.turns, SIDES)
        return turned.flip(-1) if self.mirror else turned


def views(*, mirror_x: bool, mirror_y: bool, rotate: float) -> list[View]:
    """All different views of an image that may be mirrored as given and turned by up to ± rotate degrees, itself first.

    mirror_x: left and right may swap. mirror_y: top and bottom, which is a mirror and half a turn.
    """
    quarters = {turn for turn in range(4) if min(turn, 4 - turn) * 90 <= rotate}
    mirrors = {View(), *[View(True, 0)] * mirror_x, *[View(True, 2)] * mirror_y}
    mirrors |= {View(False, 2)} if mirror_x and mirror_y else set()
    found = {View(view.mirror, (view.turns + turn) % 4) for view, turn in product(mirrors, quarters)}
    return sorted(found, key=lambda view: (view.mirror, view.turns))
