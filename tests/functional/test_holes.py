"""Which pixels are missing."""

from __future__ import annotations

import math

import pytest
import torch

from renormal.functional.holes import face_parts, mixed_holes, noise_filled, psnr, rectangles, square_holes, yeh_holes


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("draw", [square_holes, mixed_holes, yeh_holes, face_parts, rectangles])
@pytest.mark.parametrize("size", [64, 50])
def test_holes_are_zeros_and_ones_of_any_side_and_depend_on_the_seed_alone(draw, size: int) -> None:  # type: ignore[no-untyped-def]
    holes = draw(40, size, generator=seeded())
    assert holes.shape == (40, 1, size, size)
    assert set(holes.unique().tolist()) == {0.0, 1.0}
    assert (holes.sum(dim=(1, 2, 3)) > 0).all()
    assert torch.equal(holes, draw(40, size, generator=seeded()))
    assert not torch.equal(holes, draw(40, size, generator=seeded(1)))


def test_a_square_has_its_share_of_the_side() -> None:
    assert (square_holes(30, 64, generator=seeded()).sum(dim=(1, 2, 3)) == 24**2).all()
    assert (square_holes(3, 64, generator=seeded(), share=0.5).sum(dim=(1, 2, 3)) == 32**2).all()


def test_rectangles_cover_at_least_thirty_percent() -> None:
    share = rectangles(2000, 128, generator=seeded()).mean(dim=(1, 2, 3))
    assert share.min() >= 0.3
    assert 0.41 < share.mean() < 0.44  # of the product of two sides, each |U − U'|, given that it is 0.3 or more


def test_the_mixture_has_its_parts_in_the_shares_of_vaeac() -> None:
    """Half of it rectangles of 30 % or more, a quarter parts of a face, of which none is as large."""
    holes = mixed_holes(2000, 64, generator=seeded())[:, 0]
    area = holes.sum(dim=(1, 2))
    box = (holes.amax(dim=1).sum(dim=1) * holes.amax(dim=2).sum(dim=1)) == area  # all of their bounding box
    rectangle = box & (area >= 0.29 * 64**2)
    assert 0.5 < rectangle.float().mean() < 0.5 + 0.25 * 0.6 + 0.05  # and of Yeh's the halves
    small = box & (area < 0.29 * 64**2)
    assert 0.2 < small.float().mean() < 0.36  # the parts of faces and Yeh's centre


@pytest.mark.parametrize("size", [64, 128])
def test_as_many_scattered_pixels_are_known_at_any_side(size: int) -> None:
    holes = yeh_holes(400, size, generator=seeded())
    share = holes.mean(dim=(1, 2, 3))
    scattered = holes[(share > 0.75) & (share < 0.99)]
    assert 50 < len(scattered) < 110, "a fifth"
    assert abs(float((1 - scattered).sum(dim=(1, 2, 3)).mean()) - 0.2 * 64**2) < 10


def test_noise_stands_in_the_hole_only() -> None:
    x, holes = torch.full((4, 3, 32, 32), 2.0), square_holes(4, 32, generator=seeded())
    filled = noise_filled(x, holes, generator=seeded())
    outside = (holes == 0).expand_as(x)
    assert (filled[outside] == 2).all()
    inside = filled[~outside]
    assert inside.min() >= 0
    assert inside.max() <= 1
    assert abs(inside.mean() - 0.5) < 0.02


def test_psnr_of_a_known_error() -> None:
    """An error of 0.1 everywhere is 20 dB; outside of the mask it does not count."""
    truth = torch.zeros(2, 3, 8, 8)
    x, where = truth + 0.1, torch.zeros(2, 1, 8, 8)
    where[:, :, :4] = 1
    x[:, :, 4:] = 1
    assert torch.allclose(psnr(x, truth, where), torch.full((2,), 20.0), atol=1e-4)
    assert math.isclose(float(psnr(truth, truth, where)[0]), 100.0, abs_tol=1e-4)  # capped
