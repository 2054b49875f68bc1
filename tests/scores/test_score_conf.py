"""Every yaml in conf/score builds a score that answers with maps; a new one is picked up."""

from __future__ import annotations

import pytest
import torch
from hydra.utils import instantiate

from conf_cases import names, network
from recipes import recipe
from renormal.contracts import FittedScore

NAMES = names("score")


def test_there_are_scores() -> None:
    assert {"dssim", "squared_error"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_builds_and_answers_with_maps(name: str, channels: int, mode: type) -> None:
    config = recipe(f"model={'segmenting_ae' if name.endswith('segmented') else 'vae'}", f"score={name}")
    model = network(config, channels=channels).train()
    score = instantiate(config.score, _convert_="all")
    x0 = torch.rand(2, channels, 64, 64)
    became = (x0 + 0.1 * torch.rand_like(x0)).clamp(0, 1)

    def alone() -> torch.Tensor:
        return torch.cat([score(model, x0[row : row + 1], became[row : row + 1]) for row in range(2)])

    with mode():
        if isinstance(score, FittedScore):
            score = score.fitted(model, [(x0, became)])
        maps, one_by_one = score(model, x0, became), alone()
    assert maps.shape == (2, 64, 64)
    assert torch.allclose(maps, one_by_one, rtol=1e-3, atol=1e-5 * maps.max().item()), "a map of its own image alone"
    assert maps.min() >= 0
    assert (maps.flatten(1).std(dim=1) > 0).all()
