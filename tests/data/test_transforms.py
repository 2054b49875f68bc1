"""Crops, affine moves, and the order in which images come."""

from __future__ import annotations

import pytest
import torch
from kornia.geometry.transform import warp_affine
from torch import Tensor

from renormal.data import Augmentation
from renormal.data.transforms import (
    TrainingBatches,
    random_affine,
    random_affine_crops,
    random_crops,
    random_matrices,
    stream,
    warped,
)

CPU = torch.device("cpu")


def numbered(count: int, side: int = 4) -> Tensor:
    """Image i is filled with the value i."""
    return torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(count, 1, side, side).contiguous()


def batches(images: Tensor, **settings: object) -> TrainingBatches:
    usual = {"kind": "object", "batch_size": 4, "augmentation": Augmentation(), "seed": 0, "device": CPU, "length": 20}
    return TrainingBatches(images, **(usual | settings))  # type: ignore[arg-type]


def seen(batch: Tensor) -> list[int]:
    return (batch[:, 0, 0, 0] * 255).round().int().tolist()


def test_a_crop_is_a_window_of_its_own_image() -> None:
    place = torch.arange(9 * 11).reshape(9, 11)
    images = torch.stack([place, place + 100]).unsqueeze(1).to(torch.uint8)
    index = torch.arange(600) % 2
    crops = random_crops(images, index, size=4, generator=stream(0))
    corner = crops[:, 0, 0, 0] - 100 * index
    window = (torch.arange(4)[:, None] * 11 + torch.arange(4)).flatten()
    torch.testing.assert_close(crops.flatten(1).long(), (corner.long() + 100 * index)[:, None] + window)
    rows, columns = corner // 11, corner % 11
    assert sorted(rows.unique().tolist()) == list(range(6))  # 9 − 4 + 1 places
    assert sorted(columns.unique().tolist()) == list(range(8))


def test_crops_as_large_as_the_image_are_the_image_and_larger_ones_are_refused() -> None:
    images = torch.randint(256, (3, 3, 6, 6), generator=stream(1), dtype=torch.uint8)
    index = torch.tensor([2, 0])
    assert torch.equal(random_crops(images, index, size=6, generator=stream(0)), images[index])
    with pytest.raises(ValueError, match="crops of 7 pixels do not fit into images of 6 × 6"):
        random_crops(images, index, size=7, generator=stream(0))


def test_no_augmentation_returns_the_images_themselves() -> None:
    images = torch.rand(2, 3, 8, 8)
    assert random_affine(images, Augmentation(), generator=stream(0)) is images


@pytest.mark.parametrize(("settings", "dims"), [({"mirror_x": True}, [3]), ({"mirror_y": True}, [2])])
def test_mirrors_swap_half_of_the_images_exactly(settings: dict[str, bool], dims: list[int]) -> None:
    images = torch.rand(200, 1, 8, 8, generator=stream(0))
    moved = random_affine(images, Augmentation(**settings), generator=stream(1))  # type: ignore[arg-type]
    same = torch.isclose(moved, images, atol=1e-4).flatten(1).all(1)
    swapped = torch.isclose(moved, images.flip(dims), atol=1e-4).flatten(1).all(1)
    assert torch.equal(same, ~swapped)
    assert 60 < swapped.sum() < 140


def blob(height: int = 32, width: int = 32, *, row: float, column: float) -> Tensor:
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    return torch.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 8)[None, None]


def centre(images: Tensor) -> Tensor:
    """(B, 2): where the light is, row and column."""
    weight = images[:, 0] / images[:, 0].sum((1, 2), keepdim=True)
    rows = (weight.sum(2) * torch.arange(weight.shape[1])).sum(1)
    columns = (weight.sum(1) * torch.arange(weight.shape[2])).sum(1)
    return torch.stack([rows, columns], 1)


def test_translation_stays_within_its_range_and_fills_it() -> None:
    images = blob(row=15.5, column=15.5).expand(400, 1, 32, 32)
    moved = random_affine(images, Augmentation(translate=0.1), generator=stream(0))
    shift = centre(moved) - 15.5
    assert shift.abs().max() <= 3.4  # a tenth of 32, and a little for the normalisation by 31
    assert (shift.amax(0) > 3.0).all()
    assert (shift.amin(0) < -3.0).all()


def test_rotation_turns_about_the_centre_within_its_range_and_fills_it() -> None:
    images = blob(row=15.5, column=23.5).expand(400, 1, 32, 32)
    moved = centre(random_affine(images, Augmentation(rotate=30), generator=stream(0))) - 15.5
    angle = torch.atan2(-moved[:, 0], moved[:, 1]).rad2deg()
    torch.testing.assert_close(moved.norm(dim=1), torch.full((400,), 8.0), atol=0.1, rtol=0)
    assert 28 < angle.max() < 30.5
    assert -30.5 < angle.min() < -28


@pytest.mark.parametrize("aspect", [4 / 3, 3 / 4])
def test_a_squashed_part_is_turned_in_the_shape_of_its_photograph(aspect: float) -> None:
    images, moves = blob(row=15.5, column=21.5).expand(400, 1, 32, 32), Augmentation(rotate=180)
    aspects = torch.full((400,), aspect)
    moved = centre(random_affine(images, moves, generator=stream(0), aspects=aspects)) - 15.5
    in_photograph = moved * torch.tensor([1, aspect])
    torch.testing.assert_close(in_photograph.norm(dim=1), torch.full((400,), 6 * aspect), atol=0.1, rtol=0)
    crops = random_affine_crops(images, moves, size=32, generator=stream(0), aspects=aspects)
    torch.testing.assert_close(centre(crops) - 15.5, moved, atol=1e-3, rtol=0)


def test_images_that_were_squashed_to_other_shapes_are_turned_each_in_its_own() -> None:
    images = (blob(row=15.5, column=19.5) * 255).byte().expand(6, 1, 32, 32)
    aspects, turn = torch.tensor([1.0, 2.0, 1.0, 2.0, 1.0, 2.0]), Augmentation(rotate=180)
    found = batches(images, aspects=aspects, augmentation=turn, batch_size=6).batch(0, 0)
    order = torch.randperm(6, generator=stream(2, 0, 0))
    moved = centre(found) - 15.5
    norms = (moved * torch.stack([torch.ones(6), aspects[order]], 1)).norm(dim=1)
    torch.testing.assert_close(norms, 4 * aspects[order], atol=0.2, rtol=0)


def test_a_crop_of_a_moved_object_is_a_window_of_it() -> None:
    images = torch.rand(20, 3, 24, 40, generator=stream(7))
    moves, drawn = Augmentation(40, 0.1, True, True), stream(0)
    whole = random_affine(images, moves, generator=drawn)
    left, top = (torch.randint(side - 16 + 1, (20,), generator=drawn).tolist() for side in (40, 24))
    windows = [one[:, y : y + 16, x : x + 16] for one, y, x in zip(whole, top, left, strict=True)]
    crops = random_affine_crops(images, moves, size=16, generator=stream(0))
    torch.testing.assert_close(crops, torch.stack(windows), atol=1e-4, rtol=0)


def test_objects_come_in_crops_where_they_are_asked_for() -> None:
    images = (torch.arange(64.0).view(8, 8) * 4).byte().expand(5, 1, 8, 8).contiguous()
    found = batches(images, size=3, object_crops=True).batch(0, 0)
    tops = (found[:, 0, 0, 0] * 255 / 4).round().int()
    assert found.shape == (4, 1, 3, 3)
    for crop, first in zip(found, tops.tolist(), strict=True):
        row, column = divmod(first, 8)
        torch.testing.assert_close(
            crop[0] * 255, images[0, 0, row : row + 3, column : column + 3].float(), atol=0.01, rtol=0
        )


def test_batches_take_turns_between_the_sizes() -> None:
    images, smaller = numbered(6, side=8), numbered(6, side=4) + 100
    found = batches(images, smaller=[smaller], kind="texture", size=4)
    one = batches(images, kind="texture", size=4)
    for k in range(4):
        extra = 100 * (k % 2)
        assert seen(found.batch(0, k)) == [value + extra for value in seen(one.batch(0, k))]


def test_what_comes_in_repeats_the_border() -> None:
    moved = random_affine(torch.full((50, 3, 16, 16), 0.7), Augmentation(180, 0.2, True, True), generator=stream(0))
    torch.testing.assert_close(moved, torch.full_like(moved, 0.7))


@pytest.mark.parametrize("settings", [{"rotate": -1}, {"rotate": 200}, {"translate": 0.7}])
def test_a_range_that_means_nothing_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must lie in"):
        Augmentation(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [3, 7, 20, 50])
def test_no_image_comes_twice_before_all_came_once_across_epochs(count: int) -> None:
    data = batches(numbered(count), length=20)
    order: list[int] = []
    for epoch in range(6):
        data.set_epoch(epoch)
        order += [i for batch in data for i in seen(batch)]
    assert len(order) == 120
    passes = [order[start : start + count] for start in range(0, len(order) - count + 1, count)]
    assert all(sorted(one) == list(range(count)) for one in passes)
    assert len({tuple(one) for one in passes}) > 1  # each pass in an order of its own


def test_a_batch_depends_on_seed_epoch_and_number_alone() -> None:
    images = torch.randint(256, (10, 3, 12, 12), generator=stream(3), dtype=torch.uint8)
    settings = {"augmentation": Augmentation(20, 0.1, True), "kind": "texture", "size": 8}
    first, second = batches(images, **settings), batches(images, **settings)
    second.set_epoch(2)
    torch.testing.assert_close(list(second)[3], first.batch(2, 3), atol=0, rtol=0)
    different = [first.batch(2, 2), first.batch(1, 3), batches(images, seed=1, **settings).batch(2, 3)]
    assert not any(torch.equal(first.batch(2, 3), other) for other in different)


def test_a_single_image_moves_differently_in_each_batch_of_each_epoch() -> None:
    image = torch.randint(256, (1, 1, 8, 8), generator=stream(3), dtype=torch.uint8)
    data = batches(image, batch_size=1, augmentation=Augmentation(rotate=90))
    moved = [data.batch(epoch, k) for epoch in range(3) for k in range(3)]
    assert not any(torch.equal(a, b) for i, a in enumerate(moved) for b in moved[:i])


def test_ranks_share_one_sequence_without_overlap() -> None:
    alone = batches(numbered(100), batch_size=8, length=48)
    ranks = [batches(numbered(100), batch_size=4, length=48, rank=rank, world_size=2) for rank in range(2)]
    assert len(alone) == len(ranks[0]) == 6
    for whole, *parts in zip(alone, *ranks, strict=True):
        assert seen(whole) == [i for part in parts for i in seen(part)]


@pytest.mark.parametrize(("length", "batch_size", "expected"), [(10_000, 128, 78), (100, 100, 1), (50, 64, 1)])
def test_an_epoch_has_full_batches_and_at_least_one(length: int, batch_size: int, expected: int) -> None:
    data = batches(numbered(5), length=length, batch_size=batch_size)
    assert len(data) == expected
    assert next(iter(data)).shape == (batch_size, 1, 4, 4)


def test_batches_are_floats_between_0_and_1() -> None:
    images = torch.tensor([0, 255], dtype=torch.uint8)[:, None, None, None].expand(2, 1, 4, 4)
    batch = batches(images).batch(0, 0)
    assert batch.dtype == torch.float32
    assert batch.unique().tolist() == [0.0, 1.0]


def test_a_matrix_that_is_inverted_here_moves_images_as_kornia_does() -> None:
    images, matrix = (
        torch.rand(4, 3, 16, 24),
        random_matrices(4, (16, 24), Augmentation(30, 0.1, True), generator=stream(3)),
    )
    expected = warp_affine(images, matrix[:, :2], (12, 20), padding_mode="border", align_corners=False)
    assert torch.allclose(warped(images, matrix, (12, 20)), expected, atol=1e-5)
