"""SSIM: equal to scikit-image and kornia; relatively equal to float64 for any change; the blur equal to a matrix."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from kornia.metrics import ssim as kornia_ssim
from skimage.metrics import structural_similarity
from torch import Tensor

from renormal.functional.dssim_loss import dssim_sum
from renormal.functional.ssim import C1, C2, blur, dssim_map, gaussian_matrix, ssim_map
from small_changes import CHANGES, KINDS, changed, dssim_in_float64, ranking_agreement

ROUNDING = 2e-4  # of moments in float32 (1e-7) against c₂ = 9e-4


def pair(channels: int = 3, height: int = 40, width: int = 53) -> tuple[Tensor, Tensor]:
    """An image with structure, and the same image with a defect and noise."""
    generator = torch.Generator().manual_seed(0)
    waves = torch.sin(torch.arange(width) / 3.0) * torch.cos(torch.arange(height) / 5.0)[:, None]
    x = (0.5 + 0.3 * waves).expand(2, channels, height, width) + 0.05 * torch.rand(
        2, channels, height, width, generator=generator
    )
    y = x + 0.1 * torch.rand(x.shape, generator=generator)
    y[..., 10:20, 15:30] = 0.9
    return x.clamp(0, 1), y.clamp(0, 1)


@pytest.mark.parametrize(("window", "sigma"), [(11, 1.5), (9, 1.0), (15, 2.0)])  # scikit-image cuts at 3.5 σ
def test_equal_to_scikit_image_inside_and_to_kornia_everywhere(window: int, sigma: float) -> None:
    x, y = pair()
    ours = ssim_map(x, y, window, sigma)
    margin = window  # scikit-image repeats the border pixel in its reflection
    for index in range(len(x)):
        _, theirs = structural_similarity(
            x[index].numpy().astype(np.float64),
            y[index].numpy().astype(np.float64),
            gaussian_weights=True,
            sigma=sigma,
            use_sample_covariance=False,
            data_range=1,
            channel_axis=0,
            full=True,
        )
        inside = (slice(None), slice(margin, -margin), slice(margin, -margin))
        assert np.abs(ours[index].numpy()[inside] - theirs[inside]).max() < ROUNDING
    if sigma == 1.5:
        assert (ours - kornia_ssim(x, y, window)).abs().max() < ROUNDING


def test_the_float64_reference_is_the_published_formula() -> None:
    x, y = (image.double() for image in pair(1))
    windows = [gaussian_matrix(length, 11, 1.5).double() for length in x.shape[-2:]]
    rows, columns = (window / window.sum(dim=1, keepdim=True) for window in windows)
    mx, my, xx, yy, xy = (rows @ image @ columns.T for image in (x, y, x * x, y * y, x * y))
    published = (2 * mx * my + C1) * (2 * (xy - mx * my) + C2)
    published /= (mx**2 + my**2 + C1) * (xx - mx**2 + yy - my**2 + C2)
    assert ((1 - published) / 2 - dssim_in_float64(x, y)).abs().max() < 1e-12


@pytest.mark.parametrize("size", CHANGES)
@pytest.mark.parametrize("kind", KINDS)
def test_relatively_equal_to_float64_and_of_the_same_ranking_for_any_change(kind: str, size: float) -> None:
    """E[x²] − E[x]² in float32 leaves 1e-4: more than the DSSIM of a change of 1e-2 on a flat image."""
    x, y = changed(kind, size)
    ours, exact = dssim_map(x, y).double(), dssim_in_float64(x, y)
    seen = exact > 1e-9 * exact.max()
    assert ((ours - exact).abs() / exact)[seen].max() < 2e-3
    assert ranking_agreement(ours, exact) > 0.9999
    assert dssim_sum(x, y).item() == pytest.approx(exact.sum().item(), rel=1e-4)
    assert ours.min() >= 0


def test_libraries_lose_the_ranking_of_small_changes() -> None:
    """Why this is our own code: if a release of kornia holds the ranking, it may take its place."""
    x, y = changed("flat", 1e-4)
    assert ranking_agreement((1 - kornia_ssim(x, y, 11)).double(), dssim_in_float64(x, y)) < 0.5


def test_an_image_is_like_itself_and_unlike_its_negative() -> None:
    x, _ = pair(1)
    assert (dssim_map(x, x) == 0).all()
    checks = (torch.arange(32)[:, None] + torch.arange(32)) % 2 * torch.ones(1, 1, 32, 32)
    assert (dssim_map(checks, 1 - checks) - 1).abs().max() < 2e-3  # SSIM = −1 but for c₂


def test_of_two_constants_only_luminance_is_left() -> None:
    x, y = torch.full((1, 1, 16, 16), 0.2), torch.full((1, 1, 16, 16), 0.6)
    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert (ssim_map(x, y) - expected).abs().max() < 5e-5  # c₂ is 9e-4: rounding of E[d²] − μd² shows


@pytest.mark.parametrize(("height", "width", "window"), [(20, 33, 11), (70, 6, 11), (128, 40, 7)])
def test_blur_and_its_gradient_equal_the_dense_matrix(height: int, width: int, window: int) -> None:
    rows, columns = gaussian_matrix(height, window, 1.5), gaussian_matrix(width, window, 1.5)
    x = torch.rand(2, 3, height, width, requires_grad=True)
    seed = torch.rand(2, 3, height, width)
    dense = rows @ x @ columns.T
    (expected,) = torch.autograd.grad((dense * seed).sum(), x)
    blurred = blur(x, window, 1.5)
    (gradient,) = torch.autograd.grad((blurred * seed).sum(), x)
    assert (blurred - dense).abs().max() < 1e-6
    assert (gradient - expected).abs().max() < 1e-6


def test_a_row_of_the_matrix_by_hand() -> None:
    """Window 3: weights a, b, a. Reflection without repeating the border puts both a on pixel 1."""
    a = np.exp(-0.5)
    b = 1 / (1 + 2 * a)
    expected = torch.tensor([[b, 2 * a * b, 0, 0], [a * b, b, a * b, 0], [0, a * b, b, a * b], [0, 0, 2 * a * b, b]])
    assert (gaussian_matrix(4, 3, 1.0) - expected).abs().max() < 1e-7


def test_gradient_equals_finite_differences() -> None:
    x, y = pair(1, 16, 16)
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(dssim_map(x, y).sum(), x)
    direction = gradient.detach() / gradient.detach().norm()
    step = 1e-3
    with torch.no_grad():
        rise = dssim_map(x + step * direction, y).double().sum() - dssim_map(x - step * direction, y).double().sum()
    assert rise / (2 * step) == pytest.approx(gradient.norm().item(), rel=1e-2)


def test_autocast_does_not_reach_it() -> None:
    x, y = pair()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = ssim_map(x, y)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, ssim_map(x, y))


def test_usable_under_inference_mode_and_with_gradient_afterwards() -> None:
    x, y = pair(1, 24, 27)  # a size that no other test has put into the cache
    with torch.inference_mode():
        first = ssim_map(x, y)
    again = x.clone().requires_grad_()
    torch.autograd.grad(ssim_map(again, y).sum(), again)
    assert torch.equal(first, ssim_map(x, y))


@pytest.mark.parametrize(
    ("x", "y", "window", "message"),
    [
        (torch.rand(1, 1, 16, 16), torch.rand(1, 3, 16, 16), 11, r"\(1, 1, 16, 16\) and \(1, 3, 16, 16\)"),
        (torch.rand(1, 1, 16, 16), torch.rand(1, 1, 16, 16), 10, "odd and fit the image, got window 10 on 16"),
        (torch.rand(1, 1, 5, 16), torch.rand(1, 1, 5, 16), 11, "got window 11 on 5"),
    ],
)
def test_bad_input_is_refused_with_its_value(x: Tensor, y: Tensor, window: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ssim_map(x, y, window)
