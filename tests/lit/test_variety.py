"""Whether f(x) depends on x."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tested import data_of
from torch import Tensor, nn

from renormal.job import stages
from renormal.job.job import run_job
from renormal.lit import variety as checked
from renormal.lit.variety import LEAST, learned_nothing, variety
from renormal.models import MeanImage

X = torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Faded(nn.Module):
    """f(x) = mean + share · (x − mean)."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.tensor(share))

    def reconstruct(self, x: Tensor) -> tuple[Tensor, Tensor]:
        assert not self.training, "as in a test"
        return x.mean(0) + self.share * (x - x.mean(0)), torch.zeros(len(x))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_variety_is_the_share_of_the_variance(share: float) -> None:
    assert variety(Faded(share).eval(), X) == pytest.approx(share**2, abs=1e-6)


def test_where_images_hardly_differ_their_mean_is_enough() -> None:
    """Parts in one place before one camera: what differs is its noise."""
    noise = torch.randn(8, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    assert variety(Faded(0.0).eval(), torch.zeros(4, 1, 8, 8)) == 1
    assert variety(Faded(0.0).eval(), 0.5 + 0.03 * noise) == 1, "0.0075 are left of it"
    assert variety(Faded(0.0).eval(), 0.5 + 0.06 * noise) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("share", "nothing"), [(0.0, True), (0.9 * LEAST**0.5, True), (1.1 * LEAST**0.5, False)])
def test_a_network_with_one_answer_has_learned_nothing(tmp_path: Path, share: float, nothing: bool) -> None:
    network = Faded(share).train()
    assert learned_nothing(network, data_of(tmp_path, "bottle")) is nothing
    assert network.training, "as it was"


def test_a_network_without_f_is_not_asked(tmp_path: Path) -> None:
    assert not learned_nothing(nn.Linear(1, 1), data_of(tmp_path, "bottle"))


def test_the_mean_image_is_the_same_for_every_image(tmp_path: Path) -> None:
    data = data_of(tmp_path, "bottle")
    assert not learned_nothing(MeanImage(channels=3, size=32), data)


def test_a_job_says_that_its_network_has_learned_nothing(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stages, "ENOUGH", 8)
    monkeypatch.setattr(checked, "LEAST", math.inf)
    with caplog.at_level(logging.WARNING, "renormal"):
        run_job(tiny("model=l2_ae", "stages=[train]"))
    (said,) = (line for line in caplog.messages if "no more than their mean" in line)
    assert "seed=" in said
    assert "lower model.optimizer.lr or" in said


def test_a_job_of_few_images_says_nothing(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(checked, "LEAST", math.inf)
    with caplog.at_level(logging.WARNING, "renormal"):
        run_job(tiny("model=l2_ae", "stages=[train]"))
    assert not [line for line in caplog.messages if "no more than their mean" in line]
