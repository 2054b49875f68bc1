"""Coordinates along and across a direction, and the outermost pixels, by hand."""

from __future__ import annotations

import math

import torch

from renormal.functional.geometry import border, turned


def test_a_point_lies_along_its_own_direction_and_not_across_it() -> None:
    angle = torch.tensor([0.0, math.pi / 6, math.pi / 2, math.pi])
    along, across = turned(2 * angle.cos(), 2 * angle.sin(), angle)
    assert torch.allclose(along, torch.full((4,), 2.0))
    assert torch.allclose(across, torch.zeros(4), atol=1e-6)


def test_across_is_a_quarter_of_a_turn_further() -> None:
    along, across = turned(torch.tensor(0.0), torch.tensor(1.0), torch.tensor(0.0))
    assert (float(along), float(across)) == (0.0, 1.0)


def test_the_border_of_a_small_image_by_hand() -> None:
    image = torch.arange(6.0).view(1, 1, 2, 3)  # 0 1 2 / 3 4 5
    assert border(image).flatten().tolist() == [0, 1, 2, 3, 4, 5, 0, 3, 2, 5]
