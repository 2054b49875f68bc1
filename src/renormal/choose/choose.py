"""The stage `choose`: settings of the projection chosen on planted defects, without a label."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from renormal.choose.choice import FILE, Choice, changed, read_choice, setting_of
from renormal.choose.measure import PlantedTest
from renormal.choose.planted_set import planted_set, write_sheet
from renormal.choose.strategies import Settings, Strategy
from renormal.contracts import CHOSEN, Batch, Score
from renormal.files import shown, write_whole
from renormal.functional.tiles import cut
from renormal.lit.batches import AT_A_TIME
from renormal.lit.datamodule import SourceData
from renormal.lit.heartbeat import say
from renormal.lit.module import AutoencoderModule
from renormal.lit.projection_callback import ProjectionCallback
from renormal.lit.scoring import Scoring
from renormal.lit.thresholds import NormalLosses, fitted
from renormal.metrics import METRICS
from renormal.projection import Descent

STAGE = "choose"
QUANTILE = "stop.quantile"  # an axis that costs nothing: one descent passes every threshold
OWN = "score"  # name of the config's own score, where choose.scores does not have it
LEAK = "the weights may know the images on which defects are planted: keep some from training with choose.holdout=10"
WORSE = "f(x0) alone finds the planted defects better, %s %.3f: none of these settings helps this network"
ROUNDING = 5e-4  # of an AUROC, ours: one pass as a projection may run in bfloat16, and f(x0) does not
log = logging.getLogger("renormal")


class Choose:
    """What a config wants to be chosen. What could only fail later is tried here: raises ValueError.

    Leaves `content`: what choice.json holds.
    """

    def __init__(self, config: DictConfig, callback: ProjectionCallback) -> None:
        self.config, self.callback = config.choose, callback
        self.projections = dict(callback.projections)
        self.test, self.progress, self.rerun = config.test, config.progress, config.rerun
        self.scores, self.main = scores_of(config, callback.score)
        self.strategy: Strategy = instantiate(config.choose.strategy, _convert_="all")
        self.axes = flat(config.choose.axes)
        self.content: dict[str, Any] = {}
        _check(config, self.projections, self.axes)
        if self.config.settings:
            choice, self.content = read_choice(Path(self.config.settings), self.projections, self.scores)
            self._take(choice)

    def run(
        self, trainer: L.Trainer, module: AutoencoderModule, data: SourceData, folder: Path, facts: dict[str, Any]
    ) -> None:
        """Choose, write choice.json, and give the callback its column. Every rank does the same work.

        facts: what the file is to say beside the choice; one that says the same of them is taken as it is.
        """
        finished = {} if self.rerun else _finished(folder / FILE, facts)
        content = finished or self._chosen(trainer, module, data, facts, folder)
        self.content = trainer.strategy.broadcast(content)
        if trainer.is_global_zero:
            write_whole(folder / FILE, json.dumps(self.content, indent=1, ensure_ascii=False))
        choice, before = (Choice(**self.content[key]) for key in ("chosen", "reference"))
        self._take(choice)
        name, (after, was) = self.config.metric, (one.metrics[self.config.metric] for one in (choice, before))
        line = f"with the same experiment {choice.line}"
        log.info("%s: planted %s %.3f, %.3f as configured: %s", shown(folder / FILE), name, after, was, line)
        if (plain := max(metrics[name] for metrics in self.content["baseline"].values())) > after + ROUNDING:
            log.warning(WORSE, name, plain)
        if not facts["held_out"]:
            log.warning(LEAK)

    def _chosen(
        self, trainer: L.Trainer, module: AutoencoderModule, data: SourceData, facts: dict[str, Any], folder: Path
    ) -> dict[str, Any]:
        samples = planted_set(data, defects=self.config.defects, seed=self.config.seed)
        if trainer.is_global_zero:
            write_sheet(folder / "planted.png", samples)
        training = module.training
        module.to(trainer.strategy.root_device).eval().requires_grad_(False)
        judge, beat = self._judge(trainer, module, data, samples), partial(say, trainer, STAGE)
        trials = Trials(judge, self.projections, self.axes, self.config.metric, beat)
        reference = trials.reference(self.main)
        self.strategy(trials.best, list(self.projections), trials.moving)
        baseline = trials.judge.baseline()
        module.requires_grad_(True).train(training)
        chosen = max(trials.all, key=trials.value)  # the first of equals: the constants as configured stand first
        return {
            **facts,
            "metric": self.config.metric,
            "planted": {"defects": self.config.defects, "good": samples.defect.count("good"), "seed": self.config.seed},
            "chosen": chosen._asdict(),
            "reference": reference._asdict(),
            "line": chosen.line,
            "baseline": {one.score: one.metrics for one in baseline},
            "trials": [trial._asdict() for trial in trials.all],
        }

    def _judge(self, trainer: L.Trainer, module: AutoencoderModule, data: SourceData, samples: Batch) -> PlantedTest:
        model, tiled = module.model, data.size != data.patch_size
        whole = cut(samples.image, data.patch_size, self.test.stride) if tiled else samples.image
        size = min(AT_A_TIME, len(whole))
        scoring = Scoring(self.test.stride, self.test.average, size)
        batches = in_parts(samples, max(1, int(self.test.samples) * len(samples.path) // len(whole)))
        device = trainer.strategy.root_device
        scores = {name: fitted(score, data, model, device) for name, score in self.scores.items()}
        ready = NormalLosses(trainer, data, model, samples=len(whole))
        return PlantedTest(model, batches, device, data.patch_size, scores, scoring, ready)

    def _take(self, choice: Choice) -> None:
        descent = changed(self.projections[choice.projection], choice.settings, choice.projection)
        self.callback.add(CHOSEN, descent, self.scores[choice.score])


class Trials:
    """Everything that was measured, in its order. beat: called before each, since a stage of minutes looks dead."""

    def __init__(
        self,
        judge: PlantedTest,
        projections: Mapping[str, Descent],
        axes: Mapping[str, Sequence[float]],
        metric: str,
        beat: Callable[[], None],
    ) -> None:
        self.judge, self.projections, self.metric, self.beat = judge, projections, metric, beat
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
        self.beat()
        measured = self.judge.measure(changed(self.projections[name], settings, name), quantiles)
        stops = [{} if one.quantile is None else {QUANTILE: one.quantile} for one in measured]
        return [
            Choice(name, one.score, {**settings, **stop}, one.metrics)
            for one, stop in zip(measured, stops, strict=True)
        ]


def own_quantile(descent: Descent) -> list[float]:
    """That of its threshold, none where it stops by something else."""
    quantile = getattr(descent.stop, "quantile", None)
    return [] if quantile is None else [quantile]


def scores_of(config: DictConfig, own: Score) -> tuple[dict[str, Score], str]:
    """Scores to choose from, and the name among them of the config's own."""
    scores = {str(name): node for name, node in config.choose.scores.items()}
    same = [name for name, node in scores.items() if node == config.score]
    built = {name: instantiate(node, _convert_="all") for name, node in scores.items()}
    return ({OWN: own} | built, OWN) if not same else (built, same[0])


def flat(node: DictConfig, above: str = "") -> dict[str, list[float]]:
    """{"energy": {"weight": [0, 0.1]}} → {"energy.weight": [0.0, 0.1]}. ValueError for an axis without values."""
    axes: dict[str, list[float]] = {}
    for key, value in node.items():
        place = f"{above}{key!s}"
        if isinstance(value, DictConfig):
            axes |= flat(value, f"{place}.")
        elif not OmegaConf.is_list(value) or not value or any(isinstance(one, str | bool) for one in value):
            raise ValueError(f"choose.axes.{place} must be a list of numbers, got {value}")
        else:
            axes[place] = [float(one) for one in value]
    return axes


def in_parts(samples: Batch, size: int) -> list[Batch]:
    """At most `size` images each."""
    parts = [slice(start, start + size) for start in range(0, len(samples.path), size)]
    return [Batch(samples.image[at], samples.regions[at], samples.defect[at], samples.path[at]) for at in parts]


def _check(config: DictConfig, projections: Mapping[str, Descent], axes: Mapping[str, Sequence[float]]) -> None:
    if config.choose.metric not in METRICS:
        raise ValueError(f"choose.metric must be one of {', '.join(METRICS)}, got {config.choose.metric}")
    if config.choose.settings and STAGE in config.stages:
        raise ValueError("choose.settings= takes what was chosen before: leave choose out of the stages")
    if not projections or CHOSEN in projections:
        raise ValueError(f"choose needs a projection, and none called {CHOSEN}: that is the column of its choice")
    for name, descent in projections.items():
        for place, value in ((place, value) for place, values in axes.items() for value in values):
            changed(descent, {place: value}, name)


def _finished(path: Path, facts: Mapping[str, Any]) -> dict[str, Any] | None:
    """What an interrupted job had chosen for the same question."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if {key: content.get(key) for key in facts} == dict(facts) else None
