"""The trivial baseline: what it answers, and what it learns."""

from __future__ import annotations

import pytest
import torch
from hydra.utils import instantiate

from recipes import recipe
from renormal.models import MeanImage


def images(count: int) -> torch.Tensor:
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def test_it_answers_with_one_image_and_the_squared_distance_to_it() -> None:
    model, x = MeanImage(channels=3, size=16), images(4)
    model.mean.data = images(1)
    image, loss = model.reconstruct(x)
    assert all(torch.equal(one, images(1)[0]) for one in image)
    assert loss.detach() == pytest.approx((x - images(1)).square().sum(dim=(1, 2, 3)), rel=1e-6)


def test_its_settings_end_at_the_mean_of_the_training_images() -> None:
    config = recipe("model=mean_image").model
    model, x = MeanImage(channels=3, size=16), images(64)
    optimizer = instantiate(config.optimizer)(model.parameters())
    scheduler = instantiate(config.scheduler)(optimizer, total_steps=400)
    for step in range(400):
        optimizer.zero_grad()
        model.training_loss(x[step % 8 :: 8]).total.mean().backward()
        optimizer.step()
        scheduler.step()
    torch.testing.assert_close(model.mean.detach()[0], x.mean(dim=0), atol=0.02, rtol=0)
