"""x0 is compared with f(x_N): the values are those of the inner score on that pair."""

from __future__ import annotations

import pytest
import torch

from renormal.models import L2AE
from renormal.scores import DSSIM, Reconstructed, Smooth, SquaredError


def images(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("of", [DSSIM(), SquaredError(smooth=Smooth(mean=3))])
def test_it_is_the_inner_score_of_x0_and_f_of_the_projection(of: DSSIM | SquaredError) -> None:
    model = L2AE(channels=3, size=32).eval().requires_grad_(False)
    x0, projected = images(4, 3, 32, 32).chunk(2)
    expected = of(model, x0, model.reconstruct(projected).image)
    assert torch.equal(Reconstructed(of)(model, x0, projected), expected)
    assert not torch.equal(expected, of(model, x0, projected))


def test_images_of_another_size_than_the_models_are_refused() -> None:
    with pytest.raises(ValueError, match=r"needs images of the model.s 32 px, got 64: set test.average=maps"):
        Reconstructed()(L2AE(channels=1, size=32), images(1, 1, 64, 64), images(1, 1, 64, 64))


def test_a_model_without_f_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a model with f, Module has none"):
        Reconstructed()(torch.nn.Module(), images(1, 1, 32, 32), images(1, 1, 32, 32))
