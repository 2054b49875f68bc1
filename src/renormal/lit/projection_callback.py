"""The projection at test time: freeze, measure thresholds, project, score, count, draw."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import lightning as L
import torch
from torch import nn

from renormal.contracts import Autoencoder, Batch
from renormal.data.source import GOOD
from renormal.functional.tiles import tiles
from renormal.lit.answers import Answers
from renormal.lit.blurred import planted_auroc
from renormal.lit.columns import Columns
from renormal.lit.datamodule import SourceData
from renormal.lit.drawing import Drawing, Panels
from renormal.lit.ensemble import Answer, prepared, views_of
from renormal.lit.film import Filming, first_anomalous
from renormal.lit.gathering import gathered
from renormal.lit.inspection import stored
from renormal.lit.normal_maps import UNFITTED, Counting, NormalMaps, normal_batches
from renormal.lit.progress import Progress
from renormal.lit.projection_run import ProjectionRun
from renormal.lit.samples import Row, add_scores, open_rows
from renormal.lit.scoring import Scoring
from renormal.lit.stage import Found, work_of
from renormal.metrics import ColumnMetrics, highest
from renormal.scores.bounded import top_of

log = logging.getLogger("renormal")


class ProjectionCallback(L.Callback):
    """Runs every projection over the test set.

    columns: what is compared. scoring: how images are cut and scored. curves: projections whose AUROC is counted after
    each iteration, over tiles. flips: average the maps over all views of an image that the data's augmentation allows.
    others: further autoencoders; maps are averaged over all of them. Curves, film and the images in panels come from
    the module's own model and the unchanged image. drawing: of panels and film; None draws nothing. progress: counts
    every descent that ends. counting: settings of the metrics.

    Results: `metrics`, `runs` (by projection), `counters` and `normal` (by column), `rows` and `panels`; all of them in
    `found`.
    """

    def __init__(
        self,
        columns: Columns,
        *,
        scoring: Scoring | None = None,
        curves: Sequence[str] = (),
        flips: bool = False,
        others: Sequence[nn.Module] = (),
        drawing: Drawing | None = None,
        progress: Progress | None = None,
        counting: Counting | None = None,
    ) -> None:
        self.columns, self.scoring = columns, scoring or Scoring()
        self.curves, self.flips, self.others = tuple(curves), flips, tuple(others)
        self.drawing, self.progress, self.counting = drawing, progress, counting or Counting()
        self.metrics: dict[str, float] = {}
        self.undefined: dict[str, str] = {}  # metric → why no column has it
        self.rows: list[Row] = []  # of this rank's images
        self.runs: dict[str, ProjectionRun] = {}
        self.counters: dict[str, ColumnMetrics] = {}
        self.normal: dict[str, NormalMaps] = {}  # empty without normal images
        self.planted: dict[str, dict[str, float]] = {}  # column → what it finds of planted defects, if there are some
        self.panels: Panels | None = None

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Measure each threshold on normal images, in the precision and the batch size of its descent.

        No batch is larger than the whole test set, and each is filled up to its size: the numbers do not depend on the
        number of ranks.
        """
        _, module, data, _ = work_of(trainer, pl_module)
        model: Any = module.model
        each = tiles(data.size, data.patch_size, self.scoring.stride)
        of_all = sum(tiles(data.size // n, data.patch_size, self.scoring.stride) for n in data.shrink)
        samples = len(data.test.images) * each
        self.scoring = self.scoring.at_most(samples)
        self.ends = self.columns.ends(reconstructs=isinstance(model, Autoencoder))
        scores = {name: score for name, (_, score) in self.ends.items()}
        every = (model, *self.others)
        self.networks = prepared(
            every, self.columns.projections, scores, trainer, data, scoring=self.scoring, samples=samples
        )
        views = views_of(data.source, flips=self.flips)
        self.answers = Answers(self.networks, views, self.scoring, self.ends, data.patch_size)
        if self.progress:
            passes = of_all * (1 + len(self.others)) * len(views)
            self.progress.begin_counted(trainer, "test", passes * self._projected(trainer, data), "projection")
        self.normal = self._normal_maps(trainer, data)
        self.planted = self._planted(fixed=data.fixed)
        self.counters = {name: self._counter(name, pl_module.device, data) for name in self.ends}
        self.runs, self.rows = self._runs(data), []
        limits = {name: self.normal[name].limit if self.normal else UNFITTED for name in self.ends}
        self.panels = Panels(self.drawing, list(self.runs), data.test, limits) if self.drawing else None

    def _projected(self, trainer: L.Trainer, data: SourceData) -> int:
        """Images × projections of this rank: normal images and planted defects under those that are scored, then all
        test images."""
        rank, ranks = trainer.global_rank, trainer.world_size
        normal = sum(len(batch.path) for batch in normal_batches(data, self.counting.normal_images, rank, ranks))
        planted = sum(len(batch.path) for batch in self.counting.planted)
        test = len(range(rank, len(data.test.images), ranks))
        return (normal + planted) * len(self.answers.unwatched()) + test * len(self.columns.projections)

    @torch.no_grad()
    def _normal_maps(self, trainer: L.Trainer, data: SourceData) -> dict[str, NormalMaps]:
        """Score normal images as the test images will be: every column, autoencoder and view."""
        ends = self.ends if self.counting.normal_images else {}
        found = {name: NormalMaps(self.counting.area, top_of(score)) for name, (_, score) in ends.items()}
        runs = self.answers.unwatched(self._finished)
        for batch in normal_batches(data, self.counting.normal_images, trainer.global_rank, trainer.world_size):
            whole = self.answers(batch, open_rows(batch.path, batch.defect), runs)
            for name, (_, maps) in whole.items():
                found[name].add(maps)
        for counts in found.values():
            counts.gather(trainer.strategy.root_device)
        return found

    @torch.no_grad()
    def _planted(self, *, fixed: bool) -> dict[str, dict[str, float]]:
        def answer(batch: Batch, runs: Mapping[str, ProjectionRun]) -> Answer:
            return self.answers(batch, open_rows(batch.path, batch.defect), runs)

        network = self.networks[0].model
        runs = self.answers.unwatched(self._finished)
        return planted_auroc(self.counting.planted, answer, runs, network, fixed=fixed)

    def _finished(self, descents: int) -> None:
        if self.progress:
            self.progress.finished(descents)

    def _counter(self, name: str, device: torch.device, data: SourceData) -> ColumnMetrics:
        alarm = self.normal[name].alarm(self.counting.false_alarms) if self.normal else None
        defects = sorted(set(data.test.defects) - {GOOD})
        return ColumnMetrics(limits=self.counting.aupro_limits, alarm=alarm, defects=defects, device=device)

    def _runs(self, data: SourceData) -> dict[str, ProjectionRun]:
        filming = None
        if self.drawing and self.drawing.path and (path := first_anomalous(data.test.defects, data.test.paths)):
            filming = Filming(path, self.drawing.path, self.drawing.folder / "panels", self.scoring.stride)
        run = partial(ProjectionRun, filming=filming, finished=self._finished)
        return {
            name: run(name, descent, curve=name in self.curves) for name, descent in self.networks[0].descents.items()
        }

    @torch.no_grad()
    def on_test_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Call each projection once for all tiles of the batch, for each autoencoder and each view."""
        if not batch.path:  # more ranks than images
            return
        rows = open_rows(batch.path, batch.defect)
        whole = self.answers(batch, rows, self.runs)
        for name, (_, maps) in whole.items():
            counter = self.counters[name]
            counter.update(maps, batch.regions, batch.defect)
            add_scores(rows, name, highest(maps), counter.detection.alarm.image if counter.detection else None)
        self.rows += rows
        if self.panels is not None:
            self.panels.draw(batch, whole)

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Gather the numbers of all ranks: each rank calls this once, after its own images."""
        _, module, data, _ = work_of(trainer, pl_module)
        module.model.requires_grad_(True)
        for name, counter in self.counters.items():
            self.metrics.update({f"{name}/{metric}": value for metric, value in counter.compute().items()})
            self.undefined |= counter.undefined
        for run in self.runs.values():
            run.gather(pl_module.device)
        if self.panels is not None:
            self.panels.gather()
        rows = [row for part in gathered(self.rows) for row in part]
        self.rows = sorted(rows, key=lambda row: data.test.paths.index(str(row["path"])))
        for name, report in self.found.projections.items():
            if report["diverged"]:
                log.warning("%s: %.0f samples diverged, f(x0) is scored", name, report["diverged"])

    def _of_maps(self, name: str) -> dict[str, float]:
        counts = self.normal.get(name)
        return (counts.values(self.counting.false_alarms) if counts else {}) | self.planted.get(name, {})

    @property
    def found(self) -> Found:
        """The results for the record, after the test."""
        return Found(
            metrics=self.metrics,
            undefined=self.undefined,
            maps={name: self._of_maps(name) for name in self.normal.keys() | self.planted.keys()},
            projections={name: run.report.values() for name, run in self.runs.items()},
            curves={name: run.by_iteration() for name, run in self.runs.items()},
            inspection=stored(
                self.answers,
                {name: maps.scores for name, maps in self.normal.items()},
                self.counting.area,
                held_out=self.counting.held_out,
            ),
            panels=self.panels.entries if self.panels is not None else (),
            rows=self.rows,
        )
