"""Σ DSSIM: value and written-out gradient equal to autograd through the map."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from renormal.functional.dssim_loss import dssim_sum
from renormal.functional.ssim import dssim_map
from small_changes import dssim_in_float64


def pair(kind: str) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(3, 2, 40, 53, generator=generator)
    noise = torch.rand(x.shape, generator=generator)
    pairs = {"close": x + 0.05 * noise, "far": noise, "flat": torch.full_like(x, 0.5), "same": x.clone()}
    return x, pairs[kind].clamp(0, 1)


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("kind", ["close", "far", "flat", "same"])
def test_equal_to_autograd_through_the_map(kind: str, memory: torch.memory_format) -> None:
    x, y = (image.contiguous(memory_format=memory).requires_grad_() for image in pair(kind))
    weights = torch.tensor([1.0, -2.0, 0.5])  # the gradient of each sample is scaled on its own
    expected = dssim_map(x, y).sum(dim=(1, 2, 3))
    slow = torch.autograd.grad((weights * expected).sum(), (x, y))
    ours = dssim_sum(x, y)
    fast = torch.autograd.grad((weights * ours).sum(), (x, y))
    assert torch.allclose(ours, expected, rtol=1e-5, atol=0)
    for one, other in zip(fast, slow, strict=True):
        assert (one - other).abs().max() <= 2e-5 * max(1.0, other.abs().max().item())


@pytest.mark.parametrize("size", [1e-2, 1e-4, 1e-6])
def test_the_gradient_of_a_small_change_has_its_digits(size: float) -> None:
    """Relative to float64: what a descent follows near its end."""
    x = 0.5 + 0.01 * torch.rand(1, 1, 40, 53, generator=torch.Generator().manual_seed(2))
    y = x + size * pair("far")[0][:1, :1]
    images = (x.requires_grad_(), y.requires_grad_())
    ours = torch.autograd.grad(dssim_sum(*images).sum(), images)
    one, other = (image.detach().double().requires_grad_() for image in images)
    exact = torch.autograd.grad(dssim_in_float64(one, other).sum(), (one, other))
    for found, wanted in zip(ours, exact, strict=True):
        assert (found - wanted).norm() / wanted.norm() < 1e-3


@pytest.mark.parametrize("side", [0, 1])
def test_only_the_side_that_asks_gets_a_gradient(side: int) -> None:
    images = pair("close")
    images[side].requires_grad_()
    dssim_sum(*images).sum().backward()
    assert images[side].grad is not None
    assert images[1 - side].grad is None


def test_float32_whatever_comes_in() -> None:
    x, y = pair("close")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = dssim_sum(x, y)
    assert torch.equal(under, dssim_sum(x, y))
    assert dssim_sum(x.bfloat16(), y.bfloat16()).dtype == torch.float32


def test_images_of_two_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="images of one shape"):
        dssim_sum(torch.zeros(1, 1, 16, 16), torch.zeros(1, 1, 16, 18))
