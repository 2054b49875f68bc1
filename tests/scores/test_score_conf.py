"""Every yaml in conf/score builds a score that answers with maps; a new one is picked up."""

from __future__ import annotations

import pytest
import torch
from hydra.utils import instantiate

from conf_cases import names, network
from recipes import recipe
from renormal.contracts import FittedScore, SelectiveScore
from renormal.scores.bounded import top_of

NAMES = names("score")


def test_there_are_scores() -> None:
    assert {"dssim", "squared_error"} <= set(NAMES)


def answering(score: object) -> str:
    """The first model that can answer the score."""
    return next(
        name
        for name in ["vae", *names("model")]
        if not isinstance(score, SelectiveScore) or score.suits(network(recipe(f"model={name}")))
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_builds_and_answers_with_maps(name: str, channels: int, mode: type) -> None:
    score = instantiate(recipe(f"score={name}").score, _convert_="all")
    model = network(recipe(f"model={answering(score)}"), channels=channels).train()
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
    assert maps.max() <= top_of(score)
    assert (maps.flatten(1).std(dim=1) > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_score_says_what_its_maps_cannot_exceed(name: str) -> None:
    """Gradients and the values that good images scale have no such end."""
    score = instantiate(recipe(f"score={name}").score, _convert_="all")
    bounded = {"dssim", "squared_error", "msgms", "reconstructed", "second", "segmented"}
    assert (top_of(score) == 1) == (name in bounded)
