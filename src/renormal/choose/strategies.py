"""Strategies that choose which settings are measured on planted defects: a whole grid, or proposals of Optuna."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Protocol

Settings = Mapping[str, float]  # "energy.weight" → λ: a place in a projection's own yaml
Measure = Callable[[str, Settings], float]  # (projection, settings) → the metric at the best stop and score
Axes = Mapping[str, Sequence[float]]
log = logging.getLogger("renormal")


class Strategy(Protocol):
    """Calls `measure` with as many settings as it needs. The caller keeps every result."""

    def __call__(self, measure: Measure, projections: Sequence[str], axes: Axes) -> None: ...


@dataclass(frozen=True)
class Grid:
    """Every combination of the axes, for each projection."""

    def __call__(self, measure: Measure, projections: Sequence[str], axes: Axes) -> None:
        for name, settings in self.asked(projections, axes):
            measure(name, settings)

    def asked(self, projections: Sequence[str], axes: Axes) -> list[tuple[str, Settings]]:
        """What it will ask for, which is known before any result."""
        values = [dict(zip(axes, one, strict=True)) for one in product(*axes.values())]
        return [(name, settings) for name in projections for settings in values]


@dataclass(frozen=True)
class Optuna:
    """Optuna's TPE sampler (Akiba et al., arXiv 1907.10902) between the ends of each axis; a range above 0 is searched
    by its logarithm. Needs the extra renormal[optuna]."""

    trials: int = 30
    seed: int = 0

    def __post_init__(self) -> None:
        try:
            import optuna  # noqa: F401
        except ImportError as error:
            raise ValueError("choose=optuna needs Optuna: pip install 'renormal[optuna]'") from error

    def __call__(self, measure: Measure, projections: Sequence[str], axes: Axes) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=self.seed))

        def objective(trial: optuna.Trial) -> float:
            name = trial.suggest_categorical("projection", list(projections))
            ranges = {axis: (min(values), max(values)) for axis, values in axes.items()}
            settings = {a: trial.suggest_float(a, low, high, log=low > 0) for a, (low, high) in ranges.items()}
            return measure(name, settings)

        study.optimize(objective, n_trials=self.trials)
