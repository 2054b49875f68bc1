"""Measure settings on planted defects, and keep every result."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from renormal.choose.choice import Choice, changed, setting_of
from renormal.choose.measure import Measured, PlantedTest
from renormal.choose.strategies import Settings
from renormal.console.text import readable
from renormal.projection import Descent, Threshold

WEIGHT = "energy.weight"
QUANTILE = "stop.quantile"  # an axis that costs nothing: one descent passes every threshold
log = logging.getLogger("renormal")


class Trials:
    """Every result, in the order of measuring.

    test: measures a descent. report: called before each measurement, so that a long job shows that it is running.
    """

    def __init__(
        self,
        test: PlantedTest,
        projections: Mapping[str, Descent],
        axes: Mapping[str, Sequence[float]],
        metric: str,
        report: Callable[[], None],
    ) -> None:
        self.test, self.projections, self.metric, self.report = test, projections, metric, report
        self.quantiles = sorted(axes.get(QUANTILE, ()))
        self.moving = {place: values for place, values in axes.items() if place != QUANTILE}
        self.all: list[Choice] = []
        self.known: dict[tuple[str, str], float] = {}  # of settings that have an effect
        self.measured: dict[tuple[str, str, tuple[float, ...]], list[Measured]] = {}  # by these and the quantiles

    def value(self, trial: Choice) -> float:
        return trial.metrics[self.metric]

    def reference(self, score: str) -> Choice:
        """The first projection with its configured constants, under the config's own score. Call it first."""
        name, descent = next(iter(self.projections.items()))
        settings = {place: setting_of(descent, place, name) for place in self.moving}
        measured = self._measured(name, settings, own_quantile(descent))
        self.all = [trial for trial in measured if trial.score == score]
        return self.all[0]

    def best(self, name: str, settings: Settings) -> float:
        """The metric of a projection with these settings, at its best stop and score.

        Settings that differ only in what has no effect are measured once: λ sign(x − x₀) is 0 in the first step.
        """
        if (key := (name, self._effective(name, settings))) not in self.known:
            self.known[key] = self._best(name, settings)
        return self.known[key]

    def _best(self, name: str, settings: Settings) -> float:
        measured = self._measured(name, settings, self.quantiles or own_quantile(self.projections[name]))
        self.all += measured
        best = max(measured, key=self.value)
        values = ", ".join(f"{place} {value:.3g}" for place, value in settings.items()) or "as configured"
        log.info("tried %s, %s: %s of drawn defects %.3f", name, values, readable(self.metric), self.value(best))
        return self.value(best)

    def _measured(self, name: str, settings: Settings, quantiles: Sequence[float]) -> list[Choice]:
        descent = changed(self.projections[name], settings, name)
        key = (name, self._effective(name, settings), tuple(quantiles) if has_quantile(descent) else ())
        if key not in self.measured:
            self.report()
            self.measured[key] = self.test.measure(descent, quantiles)
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
