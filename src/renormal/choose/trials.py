"""Measure settings on planted defects, and keep every result."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from renormal.choose.choice import Choice, changed, setting_of
from renormal.choose.measure import Measured, PlantedTest
from renormal.choose.strategies import Grid, Optuna, Settings, Strategy
from renormal.console.text import readable
from renormal.projection import Descent, Threshold

Key = tuple[str, str, str]  # projection, settings that have an effect, quantiles
WEIGHT = "energy.weight"
QUANTILE = "stop.quantile"  # an axis that costs nothing: one descent passes every threshold
PREFERRED = "choose.preferred takes the score %s, since no other is more than %.3g better: %s has %.3f"
log = logging.getLogger("renormal")


class Trials:
    """Every result, in the order of measuring.

    test: measures a descent. measured: what is known from before. report: called before each measurement, so that a
    long job shows that it is running. keep: called after each, with all of them.
    """

    def __init__(
        self,
        test: PlantedTest,
        projections: Mapping[str, Descent],
        axes: Mapping[str, Sequence[float]],
        metric: str,
        *,
        report: Callable[[], None] = lambda: None,
        keep: Callable[[Mapping[Key, list[Measured]]], None] = lambda measured: None,
        measured: Mapping[Key, list[Measured]] | None = None,
    ) -> None:
        self.test, self.projections, self.metric = test, projections, metric
        self.report, self.keep = report, keep
        self.quantiles = sorted(axes.get(QUANTILE, ()))
        self.moving = {place: values for place, values in axes.items() if place != QUANTILE}
        self.all: list[Choice] = []
        self.known: dict[tuple[str, str], float] = {}  # of settings that have an effect
        self.measured = dict(measured or {})

    def left(self, strategy: Strategy) -> int:
        """How many measurements are to come, the reference included; 0 where the strategy does not tell."""
        if isinstance(strategy, Optuna):
            return strategy.trials + 1
        if not isinstance(strategy, Grid):
            return 0
        asked = strategy.asked(list(self.projections), self.moving)
        keys = {self._key(name, settings, self._quantiles(name)) for name, settings in asked}
        return len((keys | {self._reference()}) - self.measured.keys())

    def value(self, trial: Choice) -> float:
        return trial.metrics[self.metric]

    def chosen(self, preferred: Mapping[str, float]) -> Choice:
        """The best of all, or the best of a preferred score if it is at most so much below.

        Of equal trials the first, which is that of the configured constants.
        """
        best = max(self.all, key=self.value)
        for score, margin in preferred.items():
            own = max((trial for trial in self.all if trial.score == score), key=self.value, default=None)
            if own is not None and own is not best and self.value(own) >= self.value(best) - margin:
                log.info(PREFERRED, score, margin, best.words, self.value(best))
                return own
        return best

    def reference(self, score: str) -> Choice:
        """The first projection with its configured constants, under the config's own score. Call it first."""
        name, settings = self._first()
        measured = self._measured(name, settings, own_quantile(self.projections[name]))
        self.all = [trial for trial in measured if trial.score == score]
        return self.all[0]

    def _first(self) -> tuple[str, Settings]:
        name, descent = next(iter(self.projections.items()))
        return name, {place: setting_of(descent, place, name) for place in self.moving}

    def _reference(self) -> Key:
        name, settings = self._first()
        return self._key(name, settings, own_quantile(self.projections[name]))

    def best(self, name: str, settings: Settings) -> float:
        """The metric of a projection with these settings, at its best stop and score.

        Settings that differ only in what has no effect are measured once: λ sign(x − x₀) is 0 in the first step.
        """
        if (key := (name, self._effective(name, settings))) not in self.known:
            self.known[key] = self._best(name, settings)
        return self.known[key]

    def _best(self, name: str, settings: Settings) -> float:
        measured = self._measured(name, settings, self._quantiles(name))
        self.all += measured
        best = max(measured, key=self.value)
        log.info("tried %s: %s of drawn defects %.3f", best.words, readable(self.metric), self.value(best))
        return self.value(best)

    def _quantiles(self, name: str) -> Sequence[float]:
        return self.quantiles or own_quantile(self.projections[name])

    def _key(self, name: str, settings: Settings, quantiles: Sequence[float]) -> Key:
        own = quantiles if has_quantile(changed(self.projections[name], settings, name)) else ()
        return name, self._effective(name, settings), repr([float(one) for one in own])

    def _measured(self, name: str, settings: Settings, quantiles: Sequence[float]) -> list[Choice]:
        key = self._key(name, settings, quantiles)
        if key not in self.measured:
            self.report()
            self.measured[key] = self.test.measure(changed(self.projections[name], settings, name), quantiles)
            self.keep(self.measured)
        measured = self.measured[key]
        stops = [{} if one.quantile is None else {QUANTILE: one.quantile} for one in measured]
        return [
            Choice(name, one.score, {**settings, **stop}, one.metrics)
            for one, stop in zip(measured, stops, strict=True)
        ]

    def _effective(self, name: str, settings: Settings) -> str:
        """The settings without those that change nothing."""
        one_step = changed(self.projections[name], settings, name).max_steps == 1
        return repr(sorted((place, value) for place, value in settings.items() if not (one_step and place == WEIGHT)))


def has_quantile(descent: Descent) -> bool:
    """Whether the quantile decides its threshold."""
    return isinstance(descent.stop, Threshold) and descent.stop.value is None


def own_quantile(descent: Descent) -> list[float]:
    """The quantile of its threshold; empty for another kind of stop."""
    return [descent.stop.quantile] if isinstance(descent.stop, Threshold) else []
