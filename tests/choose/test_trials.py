"""Trials on planted defects: what has no effect is measured once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
import torch

from recipes import recipe
from renormal.choose.candidates import preferred
from renormal.choose.choose import check_choice
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


@pytest.mark.parametrize(
    ("margin", "expected"),
    [(0.0, ("second", "other")), (0.004, ("second", "other")), (0.006, ("first", "liked")), (1.0, ("first", "liked"))],
)
def test_a_preferred_score_is_taken_unless_another_is_better_by_more(
    margin: float, expected: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """The best of the preferred score has 0.905, the best of all 0.910."""
    found = {("first", "liked"): 0.905, ("first", "other"): 0.9, ("second", "liked"): 0.7, ("second", "other"): 0.91}

    def measure(descent: Descent, quantiles: Sequence[float]) -> list[Measured]:
        name = "first" if descent.max_steps == 1 else "second"
        return [Measured(None, score, {"pixel_auroc": found[name, score]}) for score in ("liked", "other")]

    descents = {"first": Descent(max_steps=1), "second": Descent(max_steps=2)}
    trials = Trials(SimpleNamespace(measure=measure), descents, {}, "pixel_auroc")  # type: ignore[arg-type]
    Grid()(trials.best, list(descents), {})
    with caplog.at_level(logging.INFO, "renormal"):
        chosen = trials.chosen({"liked": margin})
    assert (chosen.projection, chosen.score) == expected
    assert ("choose.preferred takes the score liked" in caplog.text) == (expected[1] == "liked")
    assert trials.chosen({"unsuited": 1.0}) == trials.chosen({}) != trials.chosen({"liked": 1.0})


def test_a_preferred_score_that_is_not_offered_is_one_line() -> None:
    config = recipe("experiment=choose", "+choose.preferred.three_maps=0.003")
    with pytest.raises(
        ValueError, match=r"choose.preferred.three_maps is not among choose.scores .*'~choose.preferred"
    ):
        check_choice(config, {"eq8_adam": descent(0.05)})


@pytest.mark.parametrize("experiment", ["recipe", "inspect"])
def test_the_recipes_prefer_the_three_maps(experiment: str) -> None:
    assert preferred(recipe(f"experiment={experiment}").choose) == {"three_maps_whitened": 0.003}
