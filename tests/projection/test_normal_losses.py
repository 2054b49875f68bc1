"""T is a quantile of L_r of normal images; a stop that needs no T costs no pass over them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import lightning as L
import pytest
import torch
from toys import DESCENTS, Net, images

from renormal.contracts import Images
from renormal.lit.thresholds import NormalLosses
from renormal.projection import Never, Plateau, Threshold, reconstruction_losses

X = images()


@pytest.fixture
def measured() -> Any:
    passes: list[int] = []

    def normal_images(count: int, shrink: int = 1) -> Iterator[Images]:
        passes.append(count)
        yield from torch.split(X, count)

    trainer = L.Trainer(accelerator="cpu", devices=1, logger=False, enable_checkpointing=False)
    return NormalLosses(trainer, SimpleNamespace(normal_images=normal_images), Net(), len(X)), passes  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "stop", [Never(), Plateau(), Threshold(value=0.0), Threshold(value=4.0) | Plateau()], ids=lambda one: repr(one)[:24]
)
def test_a_stop_that_needs_no_losses_costs_no_pass_over_the_normal_images(measured: Any, stop: Any) -> None:
    losses, passes = measured
    settled, found = losses(replace(DESCENTS["eq8"], stop=stop))
    assert (settled.stop, len(found)) == (stop, 0)
    assert len(passes) == 1  # the few images that settle precision and slots


@pytest.mark.parametrize("stop", [Threshold(), Threshold(quantile=0.5) | Plateau()])
def test_a_quantile_is_that_of_all_normal_images(measured: Any, stop: Any) -> None:
    losses, _ = measured
    descent = replace(DESCENTS["eq8"], stop=stop)
    settled, found = losses(descent)
    assert torch.allclose(found, reconstruction_losses(Net(), X, settled))
    assert settled.fitted(found).stop == stop.fitted(found) != stop
