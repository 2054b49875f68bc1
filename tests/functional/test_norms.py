"""Reductions over pixels, never over samples, in float32."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from renormal.functional.norms import float32, l1_distance, per_sample_sum, squared_distance


def images(seed: int) -> torch.Tensor:
    return torch.rand(3, 2, 5, 4, generator=torch.Generator().manual_seed(seed))


def test_equal_to_numpy_sample_by_sample() -> None:
    x, y = images(0), images(1)
    for index in range(len(x)):
        difference = (x - y)[index].numpy().astype(np.float64)
        assert l1_distance(x, y)[index] == pytest.approx(np.linalg.norm(difference.ravel(), 1), rel=1e-6)
        assert squared_distance(x, y)[index] == pytest.approx(np.linalg.norm(difference) ** 2, rel=1e-6)


@pytest.mark.parametrize("shape", [(0, 1, 2, 2), (2,), (2, 0)])
def test_one_number_a_sample_whatever_the_shape(shape: tuple[int, ...]) -> None:
    assert per_sample_sum(torch.ones(*shape, 1)).shape == shape[:1]


def test_half_precision_is_summed_in_float32() -> None:
    """4096 ones: bfloat16 stops counting at 256, float16 at 2048."""
    for dtype in (torch.bfloat16, torch.float16):
        total = per_sample_sum(torch.ones(1, 1, 64, 64, dtype=dtype))
        assert total.dtype == torch.float32
        assert total.item() == 4096
    assert per_sample_sum(torch.ones(1, 3, dtype=torch.float64)).dtype == torch.float64


def test_float32_switches_autocast_off_and_on_again() -> None:
    product = float32(torch.matmul)
    one, other = torch.rand(8, 8), torch.rand(8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.matmul(one, other).dtype == torch.bfloat16
        inside = product(one, other=other)
        assert torch.matmul(one, other).dtype == torch.bfloat16
    assert torch.equal(inside, one @ other)
