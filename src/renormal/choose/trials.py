"""Every setting that was measured on planted defects, and which of them is best."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from renormal.choose.choice import Choice, changed, setting_of
from renormal.choose.measure import PlantedTest
from renormal.choose.strategies import Settings
from renormal.projection import Descent, Threshold

QUANTILE = "stop.quantile"  # an axis that costs nothing: one descent passes every threshold
log = logging.getLogger("renormal")


class Trials:
    """Everything that was measured, in its order.

    test: measures a descent. report: called before each measurement, which takes minutes: the job has to show that it
    is alive.
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

    def value(self, trial: Choice) -> float:
        return trial.metrics[self.metric]

    def reference(self, score: str) -> Choice:
        """The first projection with its constants as configured, under the config's own score. To be asked first."""
        name, descent = next(iter(self.projections.items()))
        settings = {place: setting_of(descent, place, name) for place in self.moving}
        measured = self._measured(name, settings, own_quantile(descent))
        self.all = [trial for trial in measured if trial.score == score]
        return self.all[0]

    def best(self, name: str, settings: Settings) -> float:
        """How well this projection does with these settings at the best of all stops and scores."""
        measured = self._measured(name, settings, self.quantiles or own_quantile(self.projections[name]))
        self.all += measured
        best = max(measured, key=self.value)
        log.info("%s %s: planted %s %.3f", name, dict(settings), self.metric, self.value(best))
        return self.value(best)

    def _measured(self, name: str, settings: Settings, quantiles: Sequence[float]) -> list[Choice]:
        self.report()
        measured = self.test.measure(changed(self.projections[name], settings, name), quantiles)
        stops = [{} if one.quantile is None else {QUANTILE: one.quantile} for one in measured]
        return [
            Choice(name, one.score, {**settings, **stop}, one.metrics)
            for one, stop in zip(measured, stops, strict=True)
        ]


def own_quantile(descent: Descent) -> list[float]:
    """The quantile of its threshold, none where it has another stop."""
    return [descent.stop.quantile] if isinstance(descent.stop, Threshold) else []
