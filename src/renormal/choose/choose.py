"""The stage `choose`: choose settings of the projection on planted defects, without labels."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from renormal import schema
from renormal.choose.begun import PART, begun, keep_begun
from renormal.choose.candidates import flat, offered, preferred, scores_of, suited, usable_projections
from renormal.choose.choice import FILE, Choice, changed, read_choice
from renormal.choose.measure import PlantedTest, Size
from renormal.choose.planted_set import planted_set, write_sheet
from renormal.choose.strategies import Strategy
from renormal.choose.trials import Trials
from renormal.console.text import readable
from renormal.contracts import CHOSEN, Batch, Score
from renormal.files import read_json, shown, write_whole
from renormal.functional.tiles import cut
from renormal.lit.columns import Columns
from renormal.lit.gathering import first_rank_decides
from renormal.lit.progress import Progress
from renormal.lit.scoring import Scoring
from renormal.lit.stage import CHOOSE, Column, Found, Stage, Work, frozen
from renormal.lit.state_report import report_stage
from renormal.lit.thresholds import NormalLosses, fitted
from renormal.projection import Descent
from renormal.schema import checked

DONE = (
    "%s: chosen by the %s of drawn defects: %s, %.3f, where 1 is perfect; with the settings of the config %.3f; "
    "this number is not the share of real defects that will be found: test some"
)
TAKE = "another job of this experiment takes the same settings with %s"
LEAK = "the network may have been trained on the images with drawn defects: choose.holdout=10 keeps some from it"
WORSE = (
    "f(x0) alone finds the drawn defects better, %s %.3f: none of these settings helps this network; "
    "train longer, or let choose try f(x0) as well, projection=[one_pass,…]"
)
ROUNDING = 2e-3  # of an AUROC, ours: a projection may run in bfloat16, and f(x0) does not
log = logging.getLogger("renormal")


class Choose(Stage):
    """Measures many settings on planted defects, writes the best into choice.json and returns it as a column.

    columns: of the config; one of them is chosen. facts: fingerprint of the training → further fields of choice.json.
    progress: counts planted images. A choice.json with the same facts is read and not measured again, and so is what
    an interrupted job has measured.
    """

    name, recorded = CHOOSE, False

    def __init__(
        self,
        config: DictConfig,
        columns: Columns,
        facts: Callable[[str], dict[str, Any]],
        progress: Progress | None = None,
    ) -> None:
        self.projections = {**columns.projections, **offered(config)}
        check_choice(config, self.projections)
        self.config, self.test, self.rerun = config.choose, config.test, config.rerun
        self.folder, self.facts, self.progress = Path(config.folder), facts, progress
        self.scores, self.main = scores_of(config, columns.score)
        self.strategy: Strategy = instantiate(config.choose.strategy, _convert_="all")
        self.axes = flat(config.choose.axes)

    def run(self, work: Work, found: Found) -> Found:
        """The first rank reads an earlier choice. Without one, every rank measures, and the first one writes."""
        facts = self.facts(work.fingerprint)
        find = partial(_finished, self.folder / FILE, facts)
        content = None if self.rerun else first_rank_decides(work.trainer, find)
        if content is None:
            content = work.trainer.strategy.broadcast(facts | self._chosen(work, facts))
        if work.trainer.is_global_zero:
            write_whole(self.folder / FILE, json.dumps(content, indent=1, ensure_ascii=False))
            (self.folder / PART).unlink(missing_ok=True)
        choice, before = (Choice(**content[key]) for key in ("chosen", "reference"))
        name, (after, was) = self.config.metric, (one.metrics[self.config.metric] for one in (choice, before))
        path = shown(self.folder / FILE)
        log.info(DONE, path, readable(name), choice.words, after, was)
        log.info(
            TAKE, choice.line if choice.score == self.main else f"choose.settings={path}, and no choose in stages="
        )
        slack = ROUNDING + preferred(self.config).get(choice.score, 0.0)
        if (plain := max(metrics[name] for metrics in content["baseline"].values())) > after + slack:
            log.warning(WORSE, readable(name), plain)
        if not facts["held_out"]:
            log.warning(LEAK)
        return Found(choice=content, chosen=column_of(choice, self.projections, self.scores))

    def _chosen(self, work: Work, facts: dict[str, Any]) -> dict[str, Any]:
        """The best of all trials, and the rest of choice.json."""
        settings, pieces = self.config, self.test.average == "maps"
        samples = planted_set(
            work.data, defects=settings.defects, seed=settings.seed, pieces=pieces, family=settings.get("family")
        )
        if work.trainer.is_global_zero:
            write_sheet(self.folder / "planted.png", samples)
        with frozen(work):
            test = self._planted_test(work, samples)
            trials = self._trials(work, test, facts)
            if self.progress and (left := trials.left(self.strategy)):
                self.progress.begin_counted(work.trainer, self.name, (left + 1) * test.images, "image")
            reference = trials.reference(self.main)
            self.strategy(trials.best, list(trials.projections), trials.moving)
            baseline = test.baseline()
        chosen = trials.chosen(preferred(settings))
        return {
            "metric": self.config.metric,
            "planted": {"defects": settings.defects, "good": samples.defect.count("good"), "seed": settings.seed},
            "chosen": chosen._asdict(),
            "reference": reference._asdict(),
            "line": chosen.line if chosen.score == self.main else f"choose.settings={FILE}",
            "baseline": {one.score: one.metrics for one in baseline},
            "trials": [trial._asdict() for trial in trials.all],
        }

    def _trials(self, work: Work, test: PlantedTest, facts: dict[str, Any]) -> Trials:
        """With what an interrupted job has measured; the first rank keeps what is measured now."""
        path, facts = self.folder / PART, json.loads(json.dumps(facts))  # as they are read
        keep = {"keep": partial(keep_begun, path, facts)} if work.trainer.is_global_zero else {}
        return Trials(
            test,
            usable_projections(self.projections, work.module.model),
            self.axes,
            self.config.metric,
            report=partial(report_stage, work.trainer, self.name),
            measured=first_rank_decides(work.trainer, lambda: {} if self.rerun else begun(path, facts)),
            **keep,
        )

    def _planted_test(self, work: Work, samples: Batch) -> PlantedTest:
        trainer, module, data, _ = work
        model, device = module.model, trainer.strategy.root_device
        count = len(cut(samples.image, data.patch_size, self.test.stride))
        scoring = Scoring(self.test.stride, self.test.average).at_most(count)
        batches = in_parts(samples, max(1, int(self.test.samples) * len(samples.path) // count))
        scores = suited(self.scores, model)
        sizes = [
            Size(
                n,
                {name: fitted(score, data, model, device, scoring, n) for name, score in scores.items()},
                NormalLosses(trainer, data, model, samples=count, shrink=n),
            )
            for n in data.shrink
        ]
        counted = {"counted": self.progress.finished} if self.progress else {}
        return PlantedTest(model, batches, device, data.patch_size, sizes, scoring, **counted)


def chosen_before(config: DictConfig, columns: Columns) -> tuple[Columns, Found]:
    """The columns, with the one in the file choose.settings if there is one; and the file's content for the record."""
    if not config.choose.settings:
        return columns, Found()
    projections = {**columns.projections, **offered(config)}
    check_choice(config, projections)
    scores, _ = scores_of(config, columns.score)
    path = Path(config.choose.settings)
    choice, content = read_choice(path, projections, scores)
    try:
        column = column_of(choice, projections, scores)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return columns.added(CHOSEN, *column), Found(choice=content)


def column_of(choice: Choice, projections: Mapping[str, Descent], scores: Mapping[str, Score]) -> Column:
    descent = changed(projections[choice.projection], choice.settings, choice.projection)
    return Column(descent, scores[choice.score])


def in_parts(samples: Batch, size: int) -> list[Batch]:
    """Batches of at most `size` images."""
    parts = [slice(start, start + size) for start in range(0, len(samples.path), size)]
    return [Batch(samples.image[at], samples.regions[at], samples.defect[at], samples.path[at]) for at in parts]


def check_choice(config: DictConfig, projections: Mapping[str, Descent]) -> None:
    """Raise ValueError for a wrong key below choose, or for an axis whose values no projection can take."""
    if config.choose.settings and CHOOSE in config.stages:
        raise ValueError("choose.settings= takes what was chosen before: leave choose out of the stages")
    for name in sorted(preferred(config.choose).keys() - config.choose.scores.keys()):
        names = ", ".join(config.choose.scores) or "none"
        raise ValueError(
            f"choose.preferred.{name} is not among choose.scores ({names}): add '~choose.preferred.{name}'"
        )
    if not projections or CHOSEN in projections:
        raise ValueError(f"choose needs a projection, and none called {CHOSEN}: that is the column of its choice")
    for name, descent in projections.items():
        for place, values in flat(config.choose.axes).items():
            for value in values:
                changed(descent, {place: value}, name)


def _finished(path: Path, facts: Mapping[str, Any]) -> dict[str, Any] | None:
    """The content of choice.json from an interrupted job, None if it is missing, damaged, or has other facts."""
    try:
        content: dict[str, Any] = read_json(path)
        checked(schema.Choice, content, path)
    except (FileNotFoundError, ValueError):
        return None
    return content if {key: content.get(key) for key in facts} == dict(facts) else None
