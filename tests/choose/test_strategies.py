"""Which settings are tried: all of a grid, or Optuna's, which finds a hidden optimum in fewer."""

from __future__ import annotations

import sys
from itertools import product

import pytest

from renormal.choose.strategies import Grid, Optuna, Settings

AXES = {"step_size": [0.1, 10.0], "energy.weight": [0.0, 0.5, 1.0]}


def test_a_grid_tries_every_combination_once() -> None:
    asked: list[tuple[str, float, float]] = []

    def measure(name: str, settings: Settings) -> float:
        asked.append((name, settings["step_size"], settings["energy.weight"]))
        return 0.0

    Grid()(measure, ["eq8", "eq5"], AXES)
    assert asked == list(product(["eq8", "eq5"], *AXES.values()))


def hidden(name: str, settings: Settings) -> float:
    """Best at eq8, α = 3, λ = 0.2."""
    return -(name != "eq8") - abs(settings["step_size"] - 3) / 10 - abs(settings["energy.weight"] - 0.2)


def test_optuna_comes_closer_than_the_grid_and_stays_between_the_ends() -> None:
    pytest.importorskip("optuna")
    ends = {}
    for label, search in (("grid", Grid()), ("optuna", Optuna(trials=60)), ("again", Optuna(trials=60))):
        asked: list[tuple[str, float, float]] = []
        values: list[float] = []

        def measure(name: str, settings: Settings, asked: list = asked, values: list = values) -> float:
            asked.append((name, settings["step_size"], settings["energy.weight"]))
            values.append(hidden(name, settings))
            return values[-1]

        search(measure, ["eq5", "eq8"], AXES)
        ends[label] = (max(values), asked)
        assert all(0.1 <= step <= 10 and 0 <= weight <= 1 for _, step, weight in asked)
    assert ends["optuna"][0] > ends["grid"][0]
    assert len(ends["optuna"][1]) == 60
    assert ends["optuna"] == ends["again"], "the seed decides what is proposed"


def test_without_optuna_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ValueError, match=r"pip install 'renormal\[optuna\]'"):
        Optuna()
