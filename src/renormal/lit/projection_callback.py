"""The projection at test time: freeze, measure thresholds, project, score, count, hand panels over."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor

from renormal.contracts import BASELINE, Autoencoder, Batch, Images, Maps, Score
from renormal.functional.tiles import cut, tiles
from renormal.functional.views import View
from renormal.lit.batches import AT_A_TIME, channels_last, in_batches, project_filled, without_diverged
from renormal.lit.columns import check_columns, further_columns
from renormal.lit.curves import Curve
from renormal.lit.datamodule import SourceData
from renormal.lit.descent_report import DescentReport
from renormal.lit.ensemble import Answer, Member, averaged, members_of, views_of
from renormal.lit.film import film_of, first_anomalous, together
from renormal.lit.gathering import gathered
from renormal.lit.module import AutoencoderModule
from renormal.lit.panels import draw, first_of_each_defect, in_order
from renormal.lit.samples import Row, add_descent, add_scores, open_rows
from renormal.lit.scoring import Scoring
from renormal.metrics import AnomalyMetrics
from renormal.projection import Descent, Settled

log = logging.getLogger("renormal")


class ProjectionCallback(L.Callback):
    """Runs every projection over the test set.

    Leaves `metrics`, `reports`, `details`, `curves`, `panels` and `rows`.

    projections: name → descent; each is a column of the table, beside the baseline f(x0), where the model has one.
    score: of all of them. scores: name → further score of x0 and f(x0), each a column of its own. stride: of the tiles
    into which textures are cut. average: "maps" scores each tile and averages the maps (Bergmann et al., CVPR 2019),
    "pixels" averages the projected tiles and scores the whole image. curves: projections whose AUROC is wanted after
    each iteration, over tiles. path: iterations at which one image is kept (Figure 8). panels: how many samples, the
    first of each defect in turn, drawn: for which projections. limit: top of the maps' scale. flips: average maps over
    the views of each image that the data's augmentation allows. crossed: the further scores read what each projection
    makes of x0 as well, in columns <projection>_<score>. `others`: models whose maps are averaged with those of the
    module's own; curves, path and what panels show an image become are its own, of the image as it is.
    """

    def __init__(
        self,
        projections: Mapping[str, Descent],
        *,
        score: Score,
        scores: Mapping[str, Score] | None = None,
        stride: int = 128,
        average: str = "maps",
        curves: Sequence[str] = (),
        path: Sequence[int] = (),
        panels: int = 12,
        limit: float = 0.5,
        drawn: Sequence[str] | None = None,
        flips: bool = False,
        crossed: bool = False,
        folder: Path | None = None,
    ) -> None:
        check_columns(projections, scores or {}, average, curves, limit, crossed=crossed, drawn=drawn or ())
        self.projections, self.scores = dict(projections), dict(scores or {})
        self.score, self.stride, self.average = score, stride, average
        self.curve_names, self.path, self.limit = tuple(curves), tuple(path), limit
        self.panel_count, self.folder, self.flips, self.crossed = panels, folder, flips, crossed
        self.to_draw = drawn  # None: all
        self.others: list[torch.nn.Module] = []
        self.own_scores: dict[str, Score] = {}  # of projections that were added with one
        self.arrived: Callable[[int], None] | None = None  # told how many samples a projection has just finished
        self.drawn: Callable[[str, str, Tensor, Tensor], None] | None = None  # handed map and regions of each panel
        self.metrics: dict[str, float] = {}
        self.rows: list[Row] = []  # of this rank's images
        self.reports: dict[str, dict[str, float | None]] = {}
        self.details: dict[str, dict[str, Any]] = {name: {} for name in projections}  # for the record
        self.panels: list[dict[str, str]] = []
        self.curves: dict[str, Curve] = {}

    def add(self, name: str, descent: Descent, score: Score) -> None:
        """One more projection before the test, with a score of its own."""
        self.projections[name], self.own_scores[name], self.details[name] = descent, score, {}

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Normal images set each threshold, in the precision and the batch size of its descent.

        No batch is larger than the whole test set, and each is filled up to its size: numbers do not depend on how many
        ranks share the images.
        """
        data, model = _parts(trainer, pl_module)
        samples = len(data.test.images) * tiles(data.size, data.patch_size, self.stride)
        self.chunk = min(AT_A_TIME, samples)
        given = [BASELINE] * isinstance(model, Autoencoder)
        own = {name: self.own_scores.get(name, self.score) for name in (*given, *self.projections)}
        shared = [name for name in self.projections if name not in self.own_scores]
        self.further = further_columns(shared, self.scores, crossed=self.crossed)
        own |= {name: score for name, (_, score) in self.further.items()}
        every = (model, *self.others)
        self.members = members_of(every, self.projections, own, trainer, data, samples=samples)
        self.views = views_of(data.source, flips=self.flips)
        methods = dict.fromkeys((*given, *self.scores, *self.projections, *self.further))
        self.counters = {name: AnomalyMetrics().to(pl_module.device) for name in methods}
        self.filmed = first_anomalous(data.test.defects, data.test.paths) if self.path and self.folder else None
        self.wanted = set(first_of_each_defect(data.test.defects, data.test.paths, self.panel_count))
        self.rows = []
        self.curves = {name: Curve(self.projections[name].max_steps) for name in self.curve_names}
        self.descents = self.members[0].descents
        self.descent_reports = {name: DescentReport(descent) for name, descent in self.descents.items()}

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
        """One call of each projection for all tiles of the batch, by each member and on each view."""
        if not batch.path:  # more ranks than images
            return
        data, _ = _parts(trainer, pl_module)
        rows = open_rows(batch.path, batch.defect)
        passes = product(self.members, self.views)
        whole = averaged(self._pass(member, view, data, batch, rows) for member, view in passes)
        for name, (_, maps) in whole.items():
            self.counters[name].update(maps, batch.regions)
            add_scores(rows, name, self.counters[name].image_score(maps))
        self.rows += rows
        self._draw(batch, whole)

    def _pass(self, member: Member, view: View, data: SourceData, batch: Batch, rows: list[Row]) -> Answer:
        """What one member makes of one view, turned back."""
        model, image = member.model, view(batch.image)
        tiled = partial(cut, size=data.patch_size, stride=self.stride) if data.size != data.patch_size else lambda x: x
        x0, regions = channels_last(tiled(image), member.device), tiled(view(batch.regions))
        ends = {}
        if member.reconstructs:
            ends[BASELINE] = in_batches(lambda x: model.reconstruct(x).image, x0, size=self.chunk)
        watched = (member, view) == (self.members[0], self.views[0])
        for name in self.projections:
            own = (model, x0, regions, ends.get(BASELINE, x0))
            ends[name] = self._project(name, member.descents[name], own, batch, rows, watched=watched)
        scored = partial(Scoring(self.stride, self.average, self.chunk), model=model, x0=x0, image=image)
        ends |= {name: ends.get(end, x0) for name, (end, _) in self.further.items()}
        found = {name: scored(member.scores[name], end=end) for name, end in ends.items()}
        return {name: (view.back(end), view.back(maps)) for name, (end, maps) in found.items()}

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Numbers for the record, of all ranks together: every rank comes here once, when its own images are done."""
        data, model = _parts(trainer, pl_module)
        model.requires_grad_(True)
        for name, counter in self.counters.items():
            self.metrics.update({f"{name}/{metric}": value.item() for metric, value in counter.compute().items()})
        if undefined := next((counter.undefined for counter in self.counters.values()), {}):
            reasons = " and ".join(sorted(set(undefined.values())))
            log.warning("%s not defined: %s", ", ".join(undefined), reasons)
        self._gather(data, pl_module.device)
        self.reports = {name: report.values() for name, report in self.descent_reports.items()}
        for name, report in self.reports.items():
            if report["diverged"]:
                log.warning("%s: %.0f samples diverged, f(x0) is scored", name, report["diverged"])

    def _gather(self, data: SourceData, device: torch.device) -> None:
        """What is left for the record, of all ranks together."""
        for name, report in self.descent_reports.items():
            report.gather()
            for part in gathered(self.details[name]):
                self.details[name] |= part
            self.details[name]["steps"] = report.histogram()
        for curve in self.curves.values():
            curve.gather(device)
        drawn = [panel for panels in gathered(self.panels) for panel in panels]
        self.panels = in_order(drawn, list(self.projections), data.test.paths)
        rows = [row for rows in gathered(self.rows) for row in rows]
        self.rows = sorted(rows, key=lambda row: data.test.paths.index(str(row["path"])))

    def _project(
        self,
        name: str,
        descent: Settled,
        own: tuple[Autoencoder, Images, Tensor, Images],
        batch: Batch,
        rows: list[Row],
        *,
        watched: bool,
    ) -> Images:
        """own: the model, x0, its regions and f(x0). watched: curve and film look on."""
        model, x0, regions, baseline = own
        curve = self.curves.get(name) if watched else None
        film = film_of(self.filmed, self.path, batch.path, x0) if watched else None
        score = partial(self._scored, self.members[0].scores[name], size=descent.slots)
        watch = None if curve is None else curve.observer(score, model, x0, regions)
        observe = together(watch, None if film is None else film.observe)
        start = time.perf_counter()
        result = project_filled(model, x0, descent, observe=observe, finished=self.arrived)
        seconds = time.perf_counter() - start
        self.descent_reports[name].add(result, images=len(rows) if watched else 0, seconds=seconds)
        add_descent(rows, name, result, seconds)
        result = without_diverged(result, baseline)
        if curve is not None:
            curve.hold(score, model, x0, regions, result)
        if film is not None and self.folder is not None:
            film.hold(result)
            file, (height, width) = self.folder / "panels" / f"{name}-path.png", batch.image.shape[-2:]
            written = film.write(file, path=str(self.filmed), height=height, width=width, stride=self.stride)
            self.details[name]["path"] = written
        return result.x

    def _scored(self, score: Score, model: Autoencoder, x0: Images, end: Images, size: int) -> Maps:
        return in_batches(partial(score, model), x0, end, size=size)

    def _draw(self, batch: Batch, whole: Mapping[str, tuple[Images, Maps]]) -> None:
        if self.folder is None:
            return
        shown = [(row, path) for row, path in enumerate(batch.path) if path in self.wanted]
        for name in (name for name in self.projections if self.to_draw is None or name in self.to_draw):
            for row, path in shown:
                self.panels.append(draw(self.folder / "panels", name, batch, row, whole, limit=self.limit))
                if self.drawn is not None:
                    self.drawn(name, path, whole[name][1][row], batch.regions[row])


def _parts(trainer: L.Trainer, pl_module: L.LightningModule) -> tuple[SourceData, Any]:
    data = trainer.datamodule  # type: ignore[attr-defined]
    if not isinstance(data, SourceData) or not isinstance(pl_module, AutoencoderModule):
        raise TypeError("the projection callback tests an AutoencoderModule on SourceData")
    return data, pl_module.model
