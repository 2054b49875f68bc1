"""Gradient magnitude similarity: the formula written once more with scipy, and what it must and must not see."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates, prewitt
from torch import Tensor, nn

from renormal.scores import MSGMS, Smooth
from renormal.scores.msgms import CONSTANT, gradient_dissimilarity
from small_changes import CHANGES, KINDS, changed, ranking_agreement

MODEL = nn.Identity()  # the score does not use it


def pair(side: int = 32, channels: int = 2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.rand(2, 3, channels, side, side, generator=generator).double())  # type: ignore[return-value]


def magnitude(image: np.ndarray) -> np.ndarray:
    """scipy's Prewitt filter has weights of 1 where Xue et al. have 1/3."""
    return np.hypot(prewitt(image, 0, mode="mirror"), prewitt(image, 1, mode="mirror")) / 3


def halved(image: np.ndarray) -> np.ndarray:
    return (image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]) / 4


def enlarged(image: np.ndarray, factor: int) -> np.ndarray:
    """Bilinear between the centres of pixels."""
    centres = (np.arange(len(image) * factor) + 0.5) / factor - 0.5
    return map_coordinates(image, np.meshgrid(centres, centres, indexing="ij"), order=1, mode="nearest")


def by_hand(x: np.ndarray, y: np.ndarray, scales: int) -> np.ndarray:
    total = np.zeros_like(x)
    for scale in range(scales):
        one, other = magnitude(x), magnitude(y)
        similarity = (2 * one * other + CONSTANT) / (one**2 + other**2 + CONSTANT)
        total += enlarged(similarity, 2**scale)
        x, y = halved(x), halved(y)
    return 1 - total / scales


@pytest.mark.parametrize("scales", [1, 2, 4])
def test_it_is_the_published_formula_at_every_scale(scales: int) -> None:
    x0, projected = pair()
    maps = MSGMS(scales=scales)(MODEL, x0.float(), projected.float())
    for one, x, y in zip(maps, x0.numpy(), projected.numpy(), strict=True):
        expected = np.mean([by_hand(*channels, scales) for channels in zip(x, y, strict=True)], axis=0)
        assert np.abs(one.numpy() - expected).max() < 2e-5


def test_the_constant_is_that_of_the_authors_for_images_up_to_1() -> None:
    assert pytest.approx(0.0026, abs=5e-5) == CONSTANT


def test_a_ramp_against_a_flat_image_by_hand() -> None:
    """A ramp that rises by 0.05 a pixel has g = 0.1: it differs from none by 0.01 / (0.01 + c)."""
    ramp = (0.05 * torch.arange(16.0)).expand(1, 1, 16, 16)
    unlike = gradient_dissimilarity(ramp, torch.full_like(ramp, 0.5) - ramp)
    assert unlike[..., 1:-1].flatten().tolist() == pytest.approx([0.01 / (0.01 + CONSTANT)] * 16 * 14, rel=1e-4)


@pytest.mark.parametrize("size", CHANGES)
@pytest.mark.parametrize("kind", KINDS)
def test_small_changes_keep_their_ranking_and_their_size(kind: str, size: float) -> None:
    """1 − (2pq + c) / (p² + q² + c) in float32 rounds to 1e-7, more than most pixels differ by after a descent."""
    x, y = changed(kind, size)
    exact = gradient_dissimilarity(x.double(), y.double() - x.double())
    by_lengths = [np.array(magnitude(image[0, 0].double().numpy())) for image in (x, y)]
    published = 1 - (2 * by_lengths[0] * by_lengths[1] + CONSTANT) / (sum(g**2 for g in by_lengths) + CONSTANT)
    assert np.abs(exact[0, 0].numpy() - published).max() < 1e-14
    ours = gradient_dissimilarity(x, y - x).double()
    assert ranking_agreement(ours, exact) > 0.999
    assert (ours - exact).norm() / exact.norm() < 1e-4


def test_brightness_is_not_seen_and_an_edge_is() -> None:
    x0, _ = pair(64)
    x0 = x0.float() / 2
    assert MSGMS()(MODEL, x0, x0 + 0.3).max() < 1e-4
    cut = x0.clone()
    cut[:, :, 20:30, 20:30] = 0.5
    maps = MSGMS()(MODEL, x0, cut)
    assert maps[:, 20:30, 20:30].mean() > 0.2
    assert maps[:, 54:, 54:].max() < 1e-6


def test_of_grey_it_is_of_the_luminance() -> None:
    x0, projected = (image.float() for image in pair(channels=3))
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    grey = [(image * weights).sum(dim=1, keepdim=True) for image in (x0, projected)]
    assert torch.allclose(MSGMS(grey=True)(MODEL, x0, projected), MSGMS()(MODEL, *grey), atol=1e-6)
    assert not torch.allclose(MSGMS()(MODEL, x0, projected), MSGMS()(MODEL, *grey), atol=1e-2)


def test_autocast_around_it_changes_nothing() -> None:
    x0, projected = (image.float() for image in pair())
    score = MSGMS(smooth=Smooth(gaussian=1.5))
    plain = score(MODEL, x0, projected)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(score(MODEL, x0, projected), plain)


def test_sides_that_cannot_be_halved_are_refused() -> None:
    x0, projected = (image.float() for image in pair(20))
    with pytest.raises(ValueError, match=r"scales=4 halves images of 20 × 20 3 times: .* multiples of 8 from 16"):
        MSGMS()(MODEL, x0, projected)


@pytest.mark.parametrize("settings", [{"scales": 0}, {"constant": 0.0}])
def test_settings_without_a_meaning_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="scales must be >= 1 and constant > 0"):
        MSGMS(**settings)  # type: ignore[arg-type]
