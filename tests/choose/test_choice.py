"""Settings that were chosen: where they go in a descent, and what a file of them may hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from renormal.choose.choice import Choice, changed, read_choice, setting_of
from renormal.projection import Descent, Never, Threshold

SETTINGS = {"step_size": 0.1, "energy.weight": 0.3, "stop.quantile": 0.5}


def test_numbers_go_to_their_places_and_nothing_else_changes() -> None:
    before = Descent(max_steps=7)
    after = changed(before, SETTINGS, "eq8")
    assert (after.step_size, after.energy.weight, after.stop) == (0.1, 0.3, Threshold(quantile=0.5))  # type: ignore[attr-defined]
    assert {place: setting_of(after, place, "eq8") for place in SETTINGS} == SETTINGS
    assert changed(after, {place: setting_of(before, place, "eq8") for place in SETTINGS}, "eq8") == before


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("energy.wait", "projections.eq8.energy.wait does not exist: Energy has no wait"),
        ("step_size.x", "projections.eq8.step_size.x does not exist: float has no x"),
        ("stop.quantile", "projections.eq8.stop.quantile does not exist: Never has no quantile"),
    ],
)
def test_a_place_that_is_not_there_is_named(place: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        changed(Descent(stop=Never()), {place: 0.1}, "eq8")


def test_values_that_a_descent_refuses_are_refused() -> None:
    with pytest.raises(ValueError, match="step_size must be positive"):
        changed(Descent(), {"step_size": -1.0}, "eq8")


CHOSEN = {"projection": "eq8", "score": "dssim", "settings": SETTINGS, "metrics": {"pixel_auroc": 0.9}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is no file of chosen settings, or damaged"),
        ("[1]", "is no file of chosen settings, or damaged"),
        (json.dumps({"schema": 1}), "is no file of chosen settings, or damaged"),
        (json.dumps({"schema": 1, "chosen": CHOSEN | {"settings": {"step_size": "x"}}}), "no file of chosen settings"),
        (json.dumps({"schema": 1, "chosen": CHOSEN | {"extra": 1}}), "is no file of chosen settings, or damaged"),
        (json.dumps({"schema": 2, "chosen": CHOSEN}), "schema 1 expected, got 2"),
        (json.dumps({"schema": 1, "chosen": CHOSEN | {"projection": "eq5"}}), r"chose eq5: add it to projection="),
        (
            json.dumps({"schema": 1, "chosen": CHOSEN | {"score": "kl"}}),
            "chose the score kl, choose.scores has dssim",
        ),
    ],
)
def test_a_file_that_cannot_be_taken_says_why(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "choice.json"
    with pytest.raises(ValueError, match="does not exist"):
        read_choice(path, ["eq8"], ["dssim"])
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        read_choice(path, ["eq8"], ["dssim"])


def test_the_line_sets_the_same_on_the_command_line(tiny: Any) -> None:
    from hydra.utils import instantiate

    choice = Choice("eq8", "squared_error", SETTINGS, {})
    config = tiny(*choice.line.split())
    (descent,) = instantiate(config.projections, _convert_="all").values()
    plain = instantiate(tiny("projection=[eq8]").projections.eq8, _convert_="all")
    assert descent == changed(plain, SETTINGS, "eq8")
    assert config.score._target_.endswith("SquaredError")
