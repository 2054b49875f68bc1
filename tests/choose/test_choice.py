"""Settings that were chosen: where they go in a descent, and what a file of them may hold."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutations import changes
from renormal.choose.choice import Choice, changed, read_choice, setting_of
from renormal.projection import Descent, Never, Threshold

PLACES = [
    *(item.name for item in fields(Descent)),
    *(f"{part}.{item.name}" for part in ("energy", "direction", "stop") for item in fields(getattr(Descent(), part))),
]
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
        *((place, f"projections.eq8.{place} is no number") for place in ("mask", "clamp", "energy.loss", "safeguard")),
    ],
)
def test_a_place_that_is_not_there_is_named(place: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        changed(Descent(stop=Never()), {place: 0.1}, "eq8")


@given(st.sampled_from(PLACES), st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_at_any_place_gives_a_descent_or_one_line(place: str, value: float) -> None:
    line = ""
    try:
        assert isinstance(changed(Descent(), {place: value}, "eq8"), Descent)
    except ValueError as error:
        line = str(error)
    assert len(line.splitlines()) <= 1


def test_values_that_a_descent_refuses_are_refused() -> None:
    with pytest.raises(ValueError, match="step_size must be positive"):
        changed(Descent(), {"step_size": -1.0}, "eq8")


CHOSEN = {"projection": "eq8", "score": "dssim", "settings": SETTINGS, "metrics": {"pixel_auroc": 0.9}}
WHOLE = {
    "schema": 1,
    "metric": "pixel_auroc",
    "held_out": True,
    "chosen": CHOSEN,
    "reference": CHOSEN,
    "baseline": {"dssim": {"pixel_auroc": 0.8}},
    "trials": [CHOSEN],
}


def with_chosen(**changes: Any) -> str:
    return json.dumps(WHOLE | {"chosen": CHOSEN | changes})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "Expecting property name .*: stages=.choose. writes a file of chosen settings"),
        ("[1]", "the whole file: should be a valid dictionary"),
        (json.dumps({"schema": 1}), "chosen: is missing"),
        (with_chosen(settings={"step_size": "x"}), "chosen.settings.step_size: should be a valid number, got 'x'"),
        (with_chosen(settings={"step_size": 10**400}), "more than 20 digits"),
        (with_chosen(settings={"step_size": float("nan")}), "NaN is no finite number"),
        (with_chosen(settings=[1]), "chosen.settings: should be a valid dictionary, got a list"),
        (with_chosen(extra=1), "chosen.extra: unknown field, got 1"),
        (with_chosen(metrics={"aupro": 0.5}), "the metric 'pixel_auroc' is not everywhere"),
        (json.dumps(WHOLE | {"baseline": {"dssim": 1}}), "baseline.dssim: should be a valid dictionary, got 1"),
        (json.dumps(WHOLE | {"held_out": "no"}), "held_out: should be a valid boolean, got 'no'"),
        (json.dumps(WHOLE | {"schema": 2}), "schema: should be 1, got 2"),
        (with_chosen(projection="eq5"), r"chose eq5: add it to projection="),
        (with_chosen(score="kl"), "chose the score kl, choose.scores has dssim"),
    ],
)
def test_a_file_that_cannot_be_taken_says_why(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "choice.json"
    with pytest.raises(ValueError, match="does not exist"):
        read_choice(path, ["eq8"], ["dssim"])
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        read_choice(path, ["eq8"], ["dssim"])


@given(changes(WHOLE))
def test_any_change_of_a_file_of_settings_is_read_or_one_line(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "choice.json"
    path.write_text(json.dumps(content))
    try:
        choice, _ = read_choice(path, ["eq8"], ["dssim"])
    except ValueError as error:
        line = str(error)
    else:
        assert all(isinstance(value, float) for value in choice.settings.values())
        return
    assert re.fullmatch(f"{path}.+", line)


def test_the_line_sets_the_same_on_the_command_line(tiny: Any) -> None:
    from hydra.utils import instantiate

    choice = Choice("eq8", "squared_error", SETTINGS, {})
    config = tiny(*choice.line.split())
    (descent,) = instantiate(config.projections, _convert_="all").values()
    plain = instantiate(tiny("projection=[eq8]").projections.eq8, _convert_="all")
    assert descent == changed(plain, SETTINGS, "eq8")
    assert config.score == tiny().score, "another score is repeated from its file alone"
