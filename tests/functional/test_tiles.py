"""Tiles cover every pixel, end at the border, and blend back to the image they were cut from."""

from __future__ import annotations

import pytest
import torch

from renormal.functional.tiles import blend, corners, cut, enlarged, shrunk, starts


def test_starts_by_hand() -> None:
    assert starts(10, 4, 3) == [0, 3, 6]
    assert starts(11, 4, 3) == [0, 3, 6, 7]  # the last one moved back
    assert starts(4, 4, 1) == [0]


@pytest.mark.parametrize(("stride", "count"), [(30, 196), (64, 49), (128, 16)])
def test_number_of_tiles_of_a_texture(stride: int, count: int) -> None:
    """512 px, 128 px tiles; at stride 30: 0, 30, …, 360 and 384 are 14 a side."""
    assert len(corners(512, 512, 128, stride)) == count


@pytest.mark.parametrize("stride", [30, 64, 128])
@pytest.mark.parametrize(("height", "width"), [(512, 512), (300, 200), (128, 131)])
def test_every_pixel_is_covered_and_no_tile_leaves_the_image(stride: int, height: int, width: int) -> None:
    covered = torch.zeros(height, width)
    for top, left in corners(height, width, 128, stride):
        assert top + 128 <= height
        assert left + 128 <= width
        covered[top : top + 128, left : left + 128] += 1
    assert covered.min() >= 1


@pytest.mark.parametrize("stride", [30, 64, 128])
@pytest.mark.parametrize(("height", "width"), [(256, 256), (300, 200)])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_blend_undoes_cut(stride: int, height: int, width: int, channels: tuple[int, ...]) -> None:
    images = torch.rand(2, *channels, height, width)
    tiles = cut(images, 128, stride)
    assert tiles.shape == (2 * len(corners(height, width, 128, stride)), *channels, 128, 128)
    assert (blend(tiles, height, width, stride) - images).abs().max() < 1e-6


def test_tiles_of_one_image_stand_together() -> None:
    images = torch.arange(2.0)[:, None, None].expand(2, 6, 6)
    assert cut(images, 4, 2)[:, 0, 0].tolist() == [0.0] * 4 + [1.0] * 4


def test_overlap_is_the_mean_by_hand() -> None:
    """Three pixels, tiles of two: the middle one is seen by both columns of tiles."""
    tiles = torch.tensor([1.0, 3.0, 1.0, 3.0])[:, None, None].expand(4, 2, 2)
    assert torch.equal(blend(tiles, 3, 3, 1), torch.tensor([1.0, 2.0, 3.0]).expand(1, 3, 3))


@pytest.mark.parametrize(("length", "size", "stride"), [(10, 11, 1), (10, 4, 0), (10, 4, 5), (10, 4, -1)])
def test_tiles_that_cannot_cover_are_refused(length: int, size: int, stride: int) -> None:
    with pytest.raises(ValueError, match=f"stride {stride}, tile {size}, image {length}"):
        starts(length, size, stride)


def test_a_quarter_of_the_side_is_the_mean_of_16_pixels_and_a_flat_image_comes_back() -> None:
    images = torch.arange(2 * 8 * 8, dtype=torch.uint8).view(1, 2, 8, 8)
    small = shrunk(images, 4)
    assert small[0, 0, 0, 0] == images[0, 0, :4, :4].float().mean()
    assert small.shape == (1, 2, 2, 2)
    assert shrunk(images, 1) is images
    flat = torch.full((3, 4, 4), 0.3)
    assert torch.equal(enlarged(flat, 2), torch.full((3, 8, 8), 0.3))
    assert enlarged(small, 4).shape == images.shape
    assert enlarged(flat, 1) is flat
