"""Smoothing of maps: scipy's filters, none by default, and each map on its own."""

from __future__ import annotations

import pytest
import torch
from scipy.ndimage import gaussian_filter, uniform_filter
from torch import Tensor, nn

from renormal.scores import DSSIM, MSGMS, Smooth, SquaredError
from renormal.scores.comparison import Comparison

MODEL = nn.Identity()
SCORES = [DSSIM(), MSGMS(), SquaredError()]


def maps() -> Tensor:
    """Of very different strength: what leaks between them is not lost among the digits."""
    return (
        torch.rand(3, 24, 32, generator=torch.Generator().manual_seed(0)) * torch.tensor([0.01, 1, 50])[:, None, None]
    )


@pytest.mark.parametrize("window", [3, 9, 21])
def test_a_mean_is_that_of_scipy(window: int) -> None:
    oracle = torch.stack([torch.from_numpy(uniform_filter(one.numpy(), window, mode="mirror")) for one in maps()])
    assert torch.allclose(Smooth(mean=window)(maps()), oracle, rtol=1e-4)


@pytest.mark.parametrize("sigma", [0.5, 1.5, 4.0])
def test_a_gaussian_is_that_of_scipy(sigma: float) -> None:
    oracle = torch.stack([torch.from_numpy(gaussian_filter(one.numpy(), sigma, mode="mirror")) for one in maps()])
    assert torch.allclose(Smooth(gaussian=sigma)(maps()), oracle, rtol=1e-3)


@pytest.mark.parametrize(("share", "window"), [(0.02, 1), (0.13, 3), (0.2, 5), (0.3, 7)])
def test_a_share_is_of_the_shorter_side(share: float, window: int) -> None:
    whole = torch.rand(2, 24, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(Smooth(share=share)(whole), Smooth(mean=window)(whole))
    larger = torch.rand(2, 48, 64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(Smooth(share=0.2)(larger), Smooth(mean=9)(larger))


def test_without_a_width_the_map_is_the_same_object() -> None:
    whole = maps()
    assert Smooth()(whole) is whole


@pytest.mark.parametrize("score", SCORES, ids=lambda score: type(score).__name__)
@pytest.mark.parametrize("smooth", [Smooth(mean=5), Smooth(gaussian=1.0)], ids=["mean", "gaussian"])
def test_every_comparison_is_smoothed_after_it_was_made(score: Comparison, smooth: Smooth) -> None:
    x0, projected = torch.rand(2, 2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    smoothed = type(score)(smooth=smooth)
    assert torch.equal(smoothed(MODEL, x0, projected), smooth(score(MODEL, x0, projected)))
    assert smoothed(MODEL, x0, projected).std() < score(MODEL, x0, projected).std()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mean": 4}, "mean must be 0 or odd"),
        ({"mean": -1}, "mean must be 0 or odd"),
        ({"gaussian": -1.0}, "gaussian >= 0"),
        ({"mean": 3, "gaussian": 1.0}, "one of mean=3 and gaussian=1, not both"),
        ({"mean": 3, "share": 0.1}, "one of mean=3 and share=0.1, not both"),
        ({"share": 1.0}, r"share must lie in \[0, 1\), got 1"),
    ],
)
def test_widths_without_a_meaning_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Smooth(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("smooth", [Smooth(mean=49), Smooth(gaussian=6.0)])
def test_a_window_beyond_the_map_is_refused(smooth: Smooth) -> None:
    with pytest.raises(ValueError, match="49 pixels around each do not fit into maps of 32"):
        smooth(maps())
