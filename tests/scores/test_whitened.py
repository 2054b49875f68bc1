"""Colours weighed by the error of f on good images: against numpy and scipy, alone and as a part of another score."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import Tensor, nn

from renormal.scores import DSSIM, MSGMS, Combined, Reconstructed, Second, Segmented, Smooth, SquaredError, Whitened
from renormal.scores.whitened import SHRINKAGE, weighed

MODEL = nn.Identity()
MIXED = torch.tensor([[1.0, 0.2, 0.1], [0.5, 0.6, 0.1], [0.1, 0.1, 0.2]])  # red is wrong most, and takes green along
OFS = [MSGMS(scales=2), SquaredError(), DSSIM(smooth=Smooth(mean=3))]


def pairs(count: int = 6, seed: int = 0, channels: int = 3) -> tuple[Tensor, Tensor]:
    """Images, and what they became: wrong by MIXED times noise."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(count, channels, 16, 16, generator=generator)
    noise = 0.1 * torch.randn(count, channels, 16, 16, generator=generator)
    return x, x + 0.02 + torch.einsum("ij,bjhw->bihw", MIXED[:channels, :channels], noise)


def by_hand(x: Tensor, became: Tensor) -> np.ndarray[Any, Any]:
    """W of numpy's covariance and scipy's root of a matrix."""
    error = (x - became).movedim(1, 0).flatten(1).double().numpy()
    covariance = np.cov(error, bias=True)
    mean = np.trace(covariance) / 3
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * mean * np.eye(3)
    return np.asarray(np.sqrt(mean) * np.linalg.inv(sqrtm(shrunk)).real)


def test_the_weights_are_the_inverse_root_of_scipy() -> None:
    fitted = Whitened().fitted(MODEL, [pairs()])
    assert np.allclose(fitted.weights, by_hand(*pairs()), rtol=1e-6, atol=1e-8)


def test_the_error_on_good_images_is_equal_in_all_directions() -> None:
    """Without shrinkage its covariance becomes the mean variance that it had, times the identity."""
    x, became = pairs()
    error = (
        weighed(x - became, Whitened(shrinkage=1e-9).fitted(MODEL, [(x, became)]).weights)
        .movedim(1, 0)
        .flatten(1)
        .double()
    )
    mean_variance = (x - became).movedim(1, 0).flatten(1).double().var(dim=1, correction=0).mean()
    assert torch.allclose(torch.cov(error, correction=0), mean_variance * torch.eye(3, dtype=torch.float64), atol=1e-6)


@pytest.mark.parametrize("of", OFS, ids=lambda of: type(of).__name__)
def test_it_is_the_comparison_of_the_weighed_images(of: Any) -> None:
    tested = pairs(seed=1)
    weights = torch.from_numpy(by_hand(*pairs())).float()
    expected = of(MODEL, *(torch.einsum("ij,bjhw->bihw", weights, images) for images in tested))
    found = Whitened(of).fitted(MODEL, [pairs()])(MODEL, *tested)
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-5)
    assert not torch.allclose(found, of(MODEL, *tested), rtol=1e-1), "the weights do something"


@pytest.mark.parametrize("of", OFS, ids=lambda of: type(of).__name__)
def test_grey_images_are_compared_as_they_are(of: Any) -> None:
    good, tested = pairs(channels=1), pairs(seed=1, channels=1)
    assert torch.equal(Whitened(of).fitted(MODEL, [good])(MODEL, *tested), of(MODEL, *tested))


@pytest.mark.parametrize("of", OFS, ids=lambda of: type(of).__name__)
def test_grey_images_stored_in_colours_are_compared_as_they_are(of: Any) -> None:
    """Only f makes colours in them: W would weigh these up, where no defect shows."""
    x, became = pairs()
    grey, tested = x[:, :1].expand_as(x), pairs(seed=1)
    assert torch.allclose(Whitened(of).fitted(MODEL, [(grey, became)])(MODEL, *tested), of(MODEL, *tested), atol=1e-6)
    nearly = grey + torch.tensor([0, 8, 0]).reshape(1, 3, 1, 1) / 255
    assert Whitened(of).fitted(MODEL, [(nearly, became)]).weights == ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    some = [(grey, became), (x[:1], became[:1])]
    assert Whitened(of).fitted(MODEL, some).weights != ((1, 0, 0), (0, 1, 0), (0, 0, 1))


def test_a_score_that_cannot_be_within_another_is_refused() -> None:
    fitted = [Combined({"error": SquaredError()}), Whitened()]
    for of in [*fitted, Second(), Segmented(), Reconstructed()]:
        with pytest.raises(ValueError, match=f"must be a comparison, .*, got {type(of).__name__}$"):
            Whitened(of)  # type: ignore[arg-type]
    for outer in (Second, Reconstructed):
        for of in fitted:
            with pytest.raises(ValueError, match=f"must need no good images, .*, got {type(of).__name__}$"):
                outer(of)


def test_pixels_that_did_not_move_have_no_score() -> None:
    """A descent with a mask leaves pixels exactly as they are: no rounding of W may show there."""
    x, became = pairs(seed=1)
    became[..., :8] = x[..., :8]
    maps = Whitened(SquaredError()).fitted(MODEL, [pairs()])(MODEL, x, became)
    assert not maps[..., :8].any()
    assert (maps[..., 8:] > 0).all()


def test_a_map_does_not_depend_on_its_neighbours_in_the_batch() -> None:
    fitted, tested = Whitened(MSGMS(scales=2)).fitted(MODEL, [pairs()]), pairs(seed=1)
    together = fitted(MODEL, *tested)
    for row in range(len(together)):
        assert torch.equal(fitted(MODEL, *(images[row : row + 1] for images in tested))[0], together[row])


def test_it_does_not_matter_in_which_batches_good_images_come() -> None:
    x, became = pairs()
    split = list(zip(x.split(2), became.split(2), strict=True))[::-1]
    one, other = (Whitened().fitted(MODEL, given).covariance for given in ([(x, became)], split))
    assert np.allclose(one, other, rtol=1e-12)


def test_a_colour_without_error_does_not_decide_alone() -> None:
    x, became = pairs()
    became[:, 2] = x[:, 2]
    fitted = Whitened().fitted(MODEL, [(x, became)])
    assert 1 < torch.tensor(fitted.weights).abs().max() <= SHRINKAGE**-0.5
    assert fitted(MODEL, x, became).isfinite().all()


def test_with_a_shrinkage_of_1_the_images_are_compared_as_they_are() -> None:
    tested = pairs(seed=1)
    fitted = Whitened(SquaredError(), shrinkage=1.0).fitted(MODEL, [pairs()])
    assert torch.allclose(fitted(MODEL, *tested), SquaredError()(MODEL, *tested), rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("shrinkage", [0.0, -0.1, 1.1, float("nan")])
def test_another_shrinkage_is_refused(shrinkage: float) -> None:
    with pytest.raises(ValueError, match=r"score\.shrinkage must be above 0 and at most 1, got"):
        Whitened(shrinkage=shrinkage)


def test_its_state_is_read_back_from_json_to_the_last_bit() -> None:
    fitted, tested = Whitened().fitted(MODEL, [pairs()]), pairs(seed=1)
    again = Whitened().restored(json.loads(json.dumps(fitted.state())))
    assert torch.equal(again(MODEL, *tested), fitted(MODEL, *tested))


@pytest.mark.parametrize("iterator", [False, True], ids=["a list", "an iterator"])
def test_as_a_part_it_is_fitted_before_its_values_are_counted(iterator: bool) -> None:
    good, tested = pairs(), pairs(seed=1)
    combined = Combined({"whitened": Whitened(SquaredError()), "error": SquaredError()})
    fitted = combined.fitted(MODEL, iter([good]) if iterator else [good])
    parts = Whitened(SquaredError()).fitted(MODEL, [good]), SquaredError()
    expected = sum(part(MODEL, *tested) / part(MODEL, *good).mean() for part in parts) / 2
    assert torch.allclose(fitted(MODEL, *tested), expected, rtol=1e-3)
    again = combined.restored(json.loads(json.dumps(fitted.state())))
    assert torch.equal(again(MODEL, *tested), fitted(MODEL, *tested))


def test_what_is_not_fitted_or_does_not_fit_is_refused() -> None:
    good = pairs()
    with pytest.raises(ValueError, match="needs good images first"):
        Whitened()(MODEL, *good)
    with pytest.raises(ValueError, match="needs good images to measure Σ on"):
        Whitened().fitted(MODEL, [])
    for wrong_by in (0, torch.tensor([0.3, 0.1, 0.2]).reshape(1, 3, 1, 1)):  # the variance is 0, or its rounding
        with pytest.raises(ValueError, match="wrong by the same at every pixel"):
            Whitened().fitted(MODEL, [(good[0], good[0] + wrong_by)])
    with pytest.raises(ValueError, match="square of finite numbers"):
        Whitened().fitted(MODEL, [(good[0], good[1] * torch.nan)])
    with pytest.raises(ValueError, match="Σ has 3 channels, the images have 1"):
        Whitened().fitted(MODEL, [good])(MODEL, *pairs(channels=1))


@pytest.mark.parametrize(
    "covariance",
    [
        [],
        3,
        None,
        "x",
        [[]],
        [[1.0, 0.0]],
        [[1.0], [0.0]],
        [[float("nan")]],
        [[1e300]],
        [["x"]],
        [[0.0]],
        [[-1.0]],
        [[1.0, 2.0], [2.0, 1.0]],
        [[1.0, 0.5], [0.4, 1.0]],
    ],
    ids=str,
)
def test_what_is_no_covariance_is_refused(covariance: Any) -> None:
    with pytest.raises(ValueError, match=r"covariance|by the same"):
        Whitened().restored({"covariance": covariance})
    with pytest.raises(ValueError, match="covariance"):
        Whitened().restored({"other": covariance})
