"""Damage for networks that learn to undo it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from renormal.functional.corruption import Corrupted, Corruption, shapes
from renormal.functional.damage import Damage
from renormal.functional.draws import Draws
from renormal.functional.fills import FILLS, coloured, missing, moved, painted, twice_the_mean, warped

QUIET = {"noise": 0.0, "clean": 0.0}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def dice(seed: int = 0) -> Draws:
    return Draws(torch.device("cpu"), generator(seed))


@pytest.fixture
def x() -> Tensor:
    return torch.rand(8, 3, 32, 48, generator=generator(9))


def test_outside_of_the_cover_nothing_changes_without_noise(x: Tensor) -> None:
    image, target, cover = Corruption(**QUIET)(x, generator=generator())
    assert torch.equal(target, x)
    untouched = (cover == 0).expand_as(x)
    assert torch.equal(image[untouched], x[untouched])
    assert not torch.equal(image, x)
    assert (cover.amax(dim=(1, 2, 3)) > 0).all()  # clean = 0: every image has a patch
    assert cover.shape == (8, 1, 32, 48)


@pytest.mark.parametrize("fill", FILLS)
def test_each_fill_gives_images_and_damages_something(fill: str, x: Tensor) -> None:
    corrupted = Corruption(**QUIET, fills=(fill,), sizes=(0.5, 0.9))(x, generator=generator())
    assert corrupted.image.min() >= 0
    assert corrupted.image.max() <= 1
    assert not torch.equal(corrupted.image, x)


def test_the_same_generator_damages_the_same_way(x: Tensor) -> None:
    first, again, other = (Corruption()(x, generator=generator(seed)) for seed in (1, 1, 2))
    assert all(map(torch.equal, first, again))
    assert not torch.equal(first.image, other.image)


def test_without_a_generator_torchs_own_draws(x: Tensor) -> None:
    torch.manual_seed(3)
    first = Corruption()(x)
    torch.manual_seed(3)
    assert all(map(torch.equal, first, Corruption()(x)))


def test_as_many_images_stay_without_a_patch_as_asked() -> None:
    covers = Corruption(clean=0.25, noise=0.0)(torch.full((2000, 1, 16, 16), 0.5), generator=generator()).cover
    empty = (covers.amax(dim=(1, 2, 3)) == 0).float().mean()
    assert 0.22 < empty < 0.35  # a small patch can lie outside of a small image


def residuals(*, keep_noise: bool) -> tuple[Tensor, Tensor]:
    x = torch.full((400, 1, 16, 16), 0.5)
    image, target, _ = Corruption(clean=1.0, noise=0.1, keep_noise=keep_noise)(x, generator=generator())
    return image - x, image - target


def test_noise_has_a_uniform_sigma_and_is_to_be_removed() -> None:
    added, to_remove = residuals(keep_noise=False)
    assert torch.equal(added, to_remove)
    sigma = added.flatten(1).std(dim=1)
    assert sigma.max() < 0.12
    assert abs(sigma.mean() - 0.05) < 0.005  # U(0, 0.1)


def test_noise_that_is_kept_belongs_to_the_target() -> None:
    added, to_remove = residuals(keep_noise=True)
    assert added.std() > 0.04
    assert to_remove.abs().max() == 0


def test_opacity_one_replaces_the_image_by_the_patch() -> None:
    x = torch.zeros(64, 1, 32, 32)
    settings = {"patches": 1, "fills": ("coloured",), "sizes": (0.5, 0.9), **QUIET}
    image, _, cover = Corruption(opacity=1.0, **settings)(x, generator=generator())
    for one, inside in zip(image[:, 0], cover[:, 0] == 1, strict=True):
        assert len(one[inside].unique()) <= 1


def test_shapes_are_blots_and_thin_lines_of_the_sizes_asked() -> None:
    x = torch.zeros(300, 1, 64, 64)
    small, large = (shapes(x, (size, size), dice()).mean() for size in (0.1, 0.5))
    assert 0 < small < large
    covers = shapes(x, (0.3, 0.3), dice())
    assert covers.min() >= 0
    assert covers.max() <= 1
    assert covers.mean() < 0.3**2  # inside of an ellipse of that size, partly outside of the image


def test_a_patch_is_filled_by_exactly_one_kind(x: Tensor) -> None:
    shape = torch.ones_like(x[:, :1])
    filled = painted(x, x, shape, [coloured], dice())
    assert (filled.flatten(2).std(dim=2) < 1e-6).all()


def test_no_turn_no_shift_and_no_bend_leave_an_image_where_it_was(x: Tensor) -> None:
    assert torch.allclose(warped(x, dice(), turn=0.0, shift=0.0, bend=0.0), x, atol=1e-5)


def test_what_is_missing_has_a_colour_of_the_border(x: Tensor) -> None:
    gone = missing(x, x, x[:, :1], dice())
    for image, colour in zip(x, gone[:, :, 0, 0], strict=True):
        border = torch.cat([image[:, 0], image[:, -1], image[:, :, 0], image[:, :, -1]], dim=1)
        assert (border == colour[:, None]).all(dim=0).any()


def test_a_moved_patch_only_has_values_of_its_image(x: Tensor) -> None:
    result = moved(x, x, x[:, :1], dice())
    assert (result.amax(dim=(1, 2, 3)) <= x.amax(dim=(1, 2, 3)) + 1e-6).all()


@pytest.mark.parametrize("damage", [Corruption, Damage])
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sizes": (0.5, 0.1)}, "sizes"),
        ({"sizes": (0.0, 0.1)}, "sizes"),
        ({"opacity": 1.5}, "opacity"),
        ({"noise": -0.1}, "noise"),
        ({"clean": 2.0}, "clean"),
        ({"patches": 0}, "patches"),
    ],
)
def test_settings_that_cannot_be_are_refused(damage: type, settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        damage(**settings)


@pytest.mark.parametrize(("fills", "message"), [(("dust",), "dust"), ((), "none")])
def test_fills_that_do_not_exist_are_refused(fills: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Corruption(fills=fills)


def test_it_answers_with_image_target_and_cover(x: Tensor) -> None:
    assert isinstance(Corruption()(x), Corrupted)


@pytest.mark.parametrize("side", [5, 9, 17])
def test_what_is_blurred_is_the_mean_of_a_square_taken_twice(side: int) -> None:
    """Near the border the mean is of the pixels that are there, as torch's own pooling has it."""
    image = torch.rand(2, 3, 24, 40, generator=torch.Generator().manual_seed(0))
    expected = image
    for _ in range(2):
        expected = functional.avg_pool2d(expected, side, 1, side // 2, count_include_pad=False)
    rows, columns = (twice_the_mean(length, side, image.device) for length in image.shape[-2:])
    assert torch.allclose(rows @ image @ columns.T, expected, atol=1e-6)


def test_a_field_is_a_bicubic_interpolation_of_its_lattice_from_corner_to_corner() -> None:
    """The lattice of torch's own interpolation, with the same numbers."""
    found = Draws(torch.device("cpu"), torch.Generator().manual_seed(3)).field(2, 6, 24, 40, channels=3)
    lattice = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(3))
    expected = functional.interpolate(lattice, (24, 40), mode="bicubic", align_corners=True)
    assert torch.allclose(found, expected, atol=1e-5)
