"""Scores together: each measured by good images alone, by hand and by scipy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from scipy.stats import percentileofscore, pmean
from torch import Tensor, nn

from renormal.scores import MSGMS, Combined, SquaredError, by_mean, by_rank
from renormal.scores.combined import Tally, power_mean

MODEL = nn.Identity()
PARTS = {"error": SquaredError(), "gms": MSGMS(scales=2)}
BY = [by_mean, by_rank]


def pairs(count: int = 6, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Images, and what they became: some nearly the same, some another."""
    one, other = torch.rand(2, count, 3, 16, 16, generator=torch.Generator().manual_seed(seed))
    return one, one.lerp(other, torch.logspace(-3, 0, count)[:, None, None, None])


def tally(values: Tensor) -> Tally:
    found = Tally()
    found.add(values)
    return found


def test_over_the_mean_of_good_pixels_by_hand() -> None:
    good, tested = pairs(), pairs(seed=1)
    combined = Combined(PARTS).fitted(MODEL, [good])
    expected = sum(part(MODEL, *tested) / part(MODEL, *good).mean() for part in PARTS.values()) / 2
    assert torch.allclose(combined(MODEL, *tested), expected, rtol=1e-3)


@pytest.mark.parametrize("power", [0.0, 0.25, 0.5, 1.0])
def test_the_power_mean_of_scipy(power: float) -> None:
    good, tested = pairs(), pairs(seed=1)
    combined = Combined(PARTS, power=power).fitted(MODEL, [good])
    scaled = torch.stack([part(MODEL, *tested) / part(MODEL, *good).mean() for part in PARTS.values()])
    scaled = scaled.clamp(min=1e-6 if power < 1 else 0)
    expected = torch.from_numpy(pmean(scaled.double().numpy(), power, axis=0))
    assert torch.allclose(combined(MODEL, *tested).double(), expected, rtol=2e-3)


def test_a_part_that_is_0_does_not_decide_alone() -> None:
    """Pixels at which one part is 0 keep the order of the others."""
    maps = power_mean(torch.tensor([[0.0, 0.0, 0.0], [0.1, 1.0, 10.0]]), 0.0)
    assert (maps.diff() > 0).all()


@pytest.mark.parametrize("power", [-0.1, 1.5, float("nan")])
def test_another_power_is_refused(power: float) -> None:
    with pytest.raises(ValueError, match=r"score\.power must be from 0, the geometric mean, to 1, the mean, got"):
        Combined(PARTS, power=power)


def test_a_rank_is_the_percentile_of_scipy() -> None:
    generator = torch.Generator().manual_seed(0)
    good = torch.rand(40, generator=generator).square().repeat(2)  # each value twice: a tie counts by half
    scale, asked = by_rank(tally(good)), torch.cat([good[:40], torch.tensor([0.0, 1e-9, 0.5 * float(good.max())])])
    expected = [percentileofscore(good.numpy(), value, kind="mean") / 100 for value in asked.tolist()]
    assert scale(asked).tolist() == pytest.approx(expected, abs=1e-6)


def test_beyond_every_good_pixel_a_rank_goes_on_growing() -> None:
    """Otherwise all pixels of a defect would tie."""
    scale = by_rank(tally(torch.tensor([0.1, 0.2, 0.25])))
    asked = torch.tensor([0.25, 0.26, 0.5, 2.0, 50.0])
    assert scale(asked)[1:].tolist() == pytest.approx([0.26 / 0.25, 2, 8, 200], rel=1e-3)
    assert (scale(asked).diff() > 0).all()


def test_below_every_good_pixel_a_rank_goes_on_falling() -> None:
    """A descent of few steps has maps far below those of f(x0), on which the ranks are counted: they must not tie."""
    scale = by_rank(tally(torch.tensor([0.1, 0.2, 0.25, 0.25])))
    asked = torch.tensor([0.0, 1e-6, 0.02, 0.05, 0.0999, 0.1])
    assert scale(asked).tolist() == pytest.approx([0, 1.25e-6, 0.025, 0.0625, 0.125, 0.125], rel=2e-3)
    assert (scale(asked)[:4].diff() > 0).all()
    assert by_rank(tally(torch.tensor([0.0, 0.5])))(torch.tensor([0.0])).tolist() == [0.25]


@pytest.mark.parametrize("by", BY)
def test_neither_scale_changes_an_order(by: Callable[..., Any]) -> None:
    good, tested = pairs(), pairs(seed=1)
    for part in PARTS.values():
        alone = Combined({"part": part}, by=by).fitted(MODEL, [good])
        order = part(MODEL, *tested).flatten().argsort()
        assert (alone(MODEL, *tested).flatten()[order].diff() >= -1e-6).all()


@pytest.mark.parametrize("by", BY)
def test_a_map_does_not_depend_on_its_neighbours_in_the_batch(by: Callable[..., Any]) -> None:
    tested = pairs(seed=1)
    combined = Combined(PARTS, by=by).fitted(MODEL, [pairs()])
    together = combined(MODEL, *tested)
    for row in range(len(together)):
        alone = combined(MODEL, *(images[row : row + 1] for images in tested))
        assert torch.equal(alone[0], together[row])


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("size", [1, 4])
def test_it_does_not_matter_in_which_batches_good_images_come(by: Callable[..., Any], size: int) -> None:
    good, tested = pairs(), pairs(seed=1)
    parts = list(zip(good[0].split(size), good[1].split(size), strict=True))[::-1]
    whole, split = (Combined(PARTS, by=by).fitted(MODEL, given)(MODEL, *tested) for given in ([good], parts))
    assert torch.equal(whole, split)


@pytest.mark.parametrize("by", BY)
def test_to_fit_it_again_forgets_what_it_was_fitted_to(by: Callable[..., Any]) -> None:
    good, other, tested = pairs(), pairs(seed=2), pairs(seed=1)
    once = Combined(PARTS, by=by).fitted(MODEL, [good])
    twice = Combined(PARTS, by=by).fitted(MODEL, [(other[0], other[1] / 2)]).fitted(MODEL, [good])
    assert torch.equal(once(MODEL, *tested), twice(MODEL, *tested))


def test_what_cannot_be_measured_is_refused() -> None:
    good = pairs()
    with pytest.raises(ValueError, match=r"score.parts is empty: add some with \+score@score.parts"):
        Combined({})
    with pytest.raises(ValueError, match="needs good images first"):
        Combined(PARTS)(MODEL, *good)
    with pytest.raises(ValueError, match=r"score.parts.gms is 0 on every good image"):
        Combined(PARTS).fitted(MODEL, [(torch.zeros(1, 1, 16, 16), torch.full((1, 1, 16, 16), 0.5))])
    with pytest.raises(ValueError, match=r"score.parts.error is not finite on good images"):
        Combined(PARTS).fitted(MODEL, [(good[0], torch.full_like(good[1], torch.inf))])


def test_without_good_images_there_is_nothing_to_measure_by() -> None:
    with pytest.raises(ValueError, match="0 on every good image"):
        replace(Combined(PARTS)).fitted(MODEL, [])
