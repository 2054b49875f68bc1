"""Trials on planted defects: what has no effect is measured once."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import torch

from renormal.choose.measure import Measured
from renormal.choose.strategies import Grid
from renormal.choose.trials import Trials
from renormal.models import L2AE
from renormal.projection import Descent, Energy, Threshold, project


def descent(weight: float) -> Descent:
    return Descent(energy=Energy(weight=weight), stop=Threshold(value=0.0), max_steps=1)


def test_in_one_step_the_weight_of_the_distance_has_no_effect() -> None:
    torch.manual_seed(0)
    model, x0 = L2AE(channels=1, size=32).eval(), torch.rand(2, 1, 32, 32)
    ends = [project(model, x0, descent(weight)).x for weight in (0.0, 0.2)]
    assert torch.equal(*ends)
    assert not torch.equal(ends[0], x0)


def test_settings_without_effect_are_measured_once() -> None:
    measured = list[tuple[int, float]]()

    def measure(descent: Descent, quantiles: Sequence[float]) -> list[Measured]:
        measured.append((descent.max_steps, descent.energy.weight))
        return [Measured(None, "score", {"pixel_auroc": 0.9})]

    descents = {"one": Descent(max_steps=1), "two": Descent(max_steps=2)}
    trials = Trials(SimpleNamespace(measure=measure), descents, {}, "pixel_auroc")  # type: ignore[arg-type]
    Grid()(trials.best, list(descents), {"energy.weight": [0.05, 0.2], "step_size": [0.5]})
    assert measured == [(1, 0.05), (2, 0.05), (2, 0.2)]
    assert [trial.projection for trial in trials.all] == ["one", "two", "two"]
