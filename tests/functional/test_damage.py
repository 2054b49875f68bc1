"""Damage in pairs of an outline and a material, for networks that learn to undo it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from renormal.functional.chance import CELLS, LATTICES, UNIFORMS, Chance, chance
from renormal.functional.damage import Damage, Place, Plan, folded, local_mean, planned
from renormal.functional.materials import MATERIALS
from renormal.functional.outlines import OUTLINES, frame

QUIET = {"noise": 0.0, "clean": 0.0}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draws(count: int, seed: int = 0) -> Chance:
    return chance(count, torch.device("cpu"), generator(seed))


@pytest.fixture
def x() -> Tensor:
    return torch.rand(8, 3, 32, 48, generator=generator(9))


def plan_of(x: Tensor, material: str, size: float = 0.5, opacity: float = 1.0) -> Plan:
    """A blot in the middle of each image."""
    draw, index = draws(len(x)), torch.arange(len(x))
    place = Place(torch.tensor([[0.75, 0.5]]).expand(len(x), -1), torch.full((len(x),), size))
    at = frame(*x.shape[-2:], *place, draw)
    kind = torch.full_like(index, list(MATERIALS).index(material))
    return planned(x, index, OUTLINES["blot"](at, draw), place, kind, draw, opacity)


@pytest.mark.parametrize("family", ["first", "second"])
def test_outside_of_the_cover_nothing_changes_without_noise(x: Tensor, family: str) -> None:
    image, target, cover = Damage(family=family, **QUIET)(x, generator=generator())  # type: ignore[arg-type]
    assert torch.equal(target, x)
    untouched = (cover == 0).expand_as(x)
    assert torch.allclose(image[untouched], x[untouched], atol=1e-6)
    assert not torch.equal(image, x)
    assert cover.shape == (8, 1, 32, 48)


def test_the_same_generator_damages_the_same_way(x: Tensor) -> None:
    first, again, other = (Damage()(x, generator=generator(seed)) for seed in (1, 1, 2))
    assert all(map(torch.equal, first, again))
    assert not torch.equal(first.image, other.image)


def test_the_images_given_are_not_changed(x: Tensor) -> None:
    before = x.clone()
    Damage()(x, generator=generator())
    assert torch.equal(x, before)


@pytest.mark.parametrize(("clean", "damaged"), [(0.0, 60), (0.25, 45), (1.0, 0)])
def test_as_many_images_have_a_patch_as_asked(clean: float, damaged: int) -> None:
    x = torch.full((60, 1, 32, 32), 0.5)
    cover = Damage(clean=clean, noise=0.0, sizes=(0.5, 0.6))(x, generator=generator()).cover
    found = int((cover.amax(dim=(1, 2, 3)) > 0).sum())
    assert damaged - 6 <= found <= damaged, "a crack may lie outside of its image"


def test_noise_is_kept_in_the_target_or_to_be_removed() -> None:
    x = torch.full((40, 1, 16, 16), 0.5)
    kept, undone = (Damage(clean=1.0, keep_noise=kept)(x, generator=generator()) for kept in (True, False))
    assert torch.equal(kept.image, kept.target)
    assert torch.equal(undone.target, x)
    sigma = (undone.image - x).flatten(1).std(dim=1)
    assert sigma.max() < 0.12
    assert abs(float(sigma.mean()) - 0.05) < 0.01  # U(0, 0.1)


def test_the_families_share_outlines_and_materials_and_no_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, set[tuple[int, int]]] = {"first": set(), "second": set()}
    for family, found in seen.items():

        def watched(
            x: Tensor, index: Tensor, inside: Tensor, place: Place, material: Tensor, draw: Chance, o: float
        ) -> Plan:
            at = frame(*x.shape[-2:], *place, draw)
            same = [bool(torch.allclose(one(at, draw), inside, atol=1e-6)) for one in OUTLINES.values()]
            found.add((same.index(True), int(material)))  # noqa: B023
            return planned(x, index, inside, place, material, draw, o)

        monkeypatch.setattr("renormal.functional.damage.planned", watched)
        for seed in range(60):
            Damage(family=family, patches=1, **QUIET)(torch.rand(1, 1, 16, 16), generator=generator(seed))  # type: ignore[arg-type]
    assert not seen["first"] & seen["second"]
    for found in seen.values():
        assert {outline for outline, _ in found} == set(range(len(OUTLINES)))
        assert {material for _, material in found} == set(range(len(MATERIALS)))


@pytest.mark.parametrize("outline", OUTLINES)
def test_an_outline_is_the_same_at_every_resolution(outline: str) -> None:
    draw, centre, size = draws(6), torch.full((6, 2), 0.5), torch.full((6,), 0.4)
    small, large = (OUTLINES[outline](frame(side, side, centre, size, draw), draw) > 0 for side in (128, 256))
    reduced = torch.nn.functional.avg_pool2d(large.float(), 2) >= 0.5
    assert small.flatten(1).any(dim=1).all()
    assert (small & reduced).sum() / (small | reduced).sum() > 0.7


def test_a_crack_is_one_to_three_pixels_of_128_wide() -> None:
    draw = draws(40)
    centre, size = torch.full((40, 2), 0.5), torch.full((40,), 0.1)
    inside = OUTLINES["crack"](frame(128, 128, centre, size, draw), draw)
    widest = 2 * inside.amax(dim=(1, 2)) * 128
    assert widest.min() > 0.5
    assert widest.max() < 3.1


def test_a_blot_has_the_size_asked() -> None:
    draw = draws(60)
    for size in (0.1, 0.4):
        at = frame(128, 128, torch.full((60, 2), 0.5), torch.full((60,), size), draw)
        area = (OUTLINES["blot"](at, draw) > 0).float().mean()
        assert area == pytest.approx(math.pi / 4 * size**2, rel=0.25)


def test_a_piece_that_is_gone_shows_what_is_in_the_corners() -> None:
    x = torch.full((8, 1, 64, 64), 0.2)
    x[:, :, 12:52, 12:52] = 0.9
    gone = plan_of(x, "missing", opacity=0.1).paint(x, x)
    assert (gone - 0.2).abs().max() < 0.041, "the corner's level, and a jitter of 0.04"


def test_own_colours_come_from_the_image() -> None:
    x = torch.where(torch.arange(64) < 32, 0.3, 0.7).expand(8, 1, 64, 64).contiguous()
    plan = plan_of(x, "own")
    nearest = torch.minimum((plan.flat - 0.3).abs(), (plan.flat - 0.7).abs())
    assert nearest.quantile(0.9) < 0.08


def test_what_is_bent_moves_and_the_rest_stays() -> None:
    columns = torch.linspace(0, 1, 64).expand(8, 1, 64, 64).contiguous()
    moved = (plan_of(columns, "bent").paint(columns, columns) - columns).abs()
    assert moved[..., :2].max() < 1e-5
    assert moved.amax(dim=(1, 2, 3)).median() > 0.01
    assert (plan_of(columns, "bent", opacity=0.1).opacity == 1).all()


def test_another_image_fills_a_graft(x: Tensor) -> None:
    zeros = torch.zeros_like(x)
    assert plan_of(x, "other").paint(x, zeros).max() <= 0.1, "black, and a jitter of 0.1"
    assert plan_of(x, "near").paint(zeros, x).max() <= 0.1


def test_a_way_is_reflected_at_the_fold() -> None:
    ways = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, -1.5])
    assert torch.allclose(folded(ways, torch.tensor(1.0)), torch.tensor([0.0, 0.5, 1.0, 0.5, 0.0, -1.0, -0.5]))


def test_the_mean_around_a_pixel_of_one_level_is_that_level() -> None:
    assert torch.allclose(local_mean(torch.full((2, 3, 33, 50), 0.4)), torch.full((2, 3, 33, 50), 0.4), atol=1e-6)


def test_a_batch_has_one_row_of_numbers_a_patch() -> None:
    draw = draws(5)
    assert draw.uniform.shape == (5, UNIFORMS)
    assert draw.lattice.shape == (5, LATTICES, CELLS, CELLS)
    assert torch.equal(draw.rows(slice(1, 3)).uniform, draw.uniform[1:3])


def test_a_family_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="family"):
        Damage(family="third")  # type: ignore[arg-type]
