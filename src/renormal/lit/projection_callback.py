"""The projection at test time: freeze, measure thresholds, project, score, count, hand panels over."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor

from renormal.contracts import Autoencoder, Images, Maps, Sample, Score
from renormal.functional.tiles import blend, cut, tiles
from renormal.lit.batches import channels_last, in_batches, project_filled, without_diverged
from renormal.lit.calibration import calibrated
from renormal.lit.curves import Curve
from renormal.lit.datamodule import SourceData
from renormal.lit.descent_report import DescentReport
from renormal.lit.film import Film, first_anomalous, together
from renormal.lit.gathering import gathered
from renormal.lit.module import AutoencoderModule
from renormal.lit.panels import first_of_each_defect, in_order, write_panel
from renormal.lit.samples import Row, add_descent, add_scores, open_rows
from renormal.metrics import AnomalyMetrics
from renormal.projection import Descent, reconstruction_losses

BASELINE = "baseline"
log = logging.getLogger("renormal")
CHUNK = 64  # tiles scored at a time: the maps of a stride of 30 would not fit otherwise


class ProjectionCallback(L.Callback):
    """Runs every projection over the test set.

    Leaves `metrics`, `reports`, `details`, `curves`, `panels` and `rows`.

    projections: name → descent; each is a column of the table, beside the baseline f(x0). stride: of the tiles into
    which textures are cut. average: "maps" scores each tile and averages the maps (Bergmann et al., CVPR 2019),
    "pixels" averages the projected tiles and scores the whole image. curves: projections whose AUROC is wanted after
    each iteration, over tiles. path: iterations at which one image is kept (Figure 8). panels: how many samples are
    drawn, the first of each defect in turn. limit: top of the maps' scale.
    """

    def __init__(
        self,
        projections: Mapping[str, Descent],
        *,
        score: Score,
        stride: int = 128,
        average: str = "maps",
        curves: Sequence[str] = (),
        path: Sequence[int] = (),
        panels: int = 12,
        limit: float = 0.5,
        folder: Path | None = None,
    ) -> None:
        _check_settings(projections, average, curves, limit)
        self.projections = dict(projections)
        self.score, self.stride, self.average = score, stride, average
        self.curve_names, self.path, self.limit = tuple(curves), tuple(path), limit
        self.panel_count, self.folder = panels, folder
        self.arrived: Callable[[int], None] | None = None  # told how many samples a projection has just finished
        self.drawn: Callable[[str, str, Tensor, Tensor], None] | None = None  # handed map and regions of each panel
        self.metrics: dict[str, float] = {}
        self.rows: list[Row] = []  # of this rank's images
        self.reports: dict[str, dict[str, float | None]] = {}
        self.details: dict[str, dict[str, Any]] = {
            name: {} for name in projections
        }  # for the record, beside the curves
        self.panels: list[dict[str, str]] = []
        self.curves: dict[str, Curve] = {}

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Normal images set each threshold, in the precision and the batch size of its descent.

        No batch is larger than the whole test set, and each is filled up to its size: numbers do not depend on how many
        ranks share the images.
        """
        data, model = _parts(trainer, pl_module)
        model.requires_grad_(False)
        samples = len(data.test.images) * tiles(data.size, data.patch_size, self.stride)
        self.chunk = min(CHUNK, samples)
        self.counters = {name: AnomalyMetrics().to(pl_module.device) for name in (BASELINE, *self.projections)}
        self.filmed = first_anomalous(data.test.defects, data.test.paths) if self.path and self.folder else None
        self.wanted = set(first_of_each_defect(data.test.defects, data.test.paths, self.panel_count))
        self.rows = []
        self.curves = {name: Curve(self.projections[name].max_steps) for name in self.curve_names}
        self.descents = calibrated(self.projections, trainer, data, model, samples=samples)
        self.descent_reports = {name: DescentReport(descent) for name, descent in self.descents.items()}

    @torch.no_grad()
    def on_test_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Sample,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """One call of each projection for all tiles of the batch."""
        if not batch.path:  # more ranks than images
            return
        data, model = _parts(trainer, pl_module)
        tiled = data.size != data.patch_size
        patches = cut(batch.image, data.patch_size, self.stride) if tiled else batch.image
        x0 = channels_last(patches, pl_module.device)
        regions = cut(batch.regions, data.patch_size, self.stride) if tiled else batch.regions
        baseline = in_batches(lambda rows: model.reconstruct(rows).image, x0, size=self.chunk)
        ends = {BASELINE: baseline}
        rows = open_rows(batch.path, batch.defect)
        for name in self.projections:
            ends[name] = self._project(name, model, x0, regions, baseline, batch, rows)
        whole = {name: self._assemble(model, x0, end, batch.image) for name, end in ends.items()}
        for name, (_, maps) in whole.items():
            self.counters[name].update(maps, batch.regions)
            add_scores(rows, name, self.counters[name].image_score(maps))
        self.rows += rows
        self._draw(batch, whole)

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Numbers for the record, of all ranks together: every rank comes here once, when its own images are done."""
        data, model = _parts(trainer, pl_module)
        model.requires_grad_(True)
        for name, counter in self.counters.items():
            self.metrics.update({f"{name}/{metric}": value.item() for metric, value in counter.compute().items()})
        if undefined := self.counters[BASELINE].undefined:
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
        model: Autoencoder,
        x0: Images,
        regions: Tensor,
        baseline: Images,
        batch: Sample,
        rows: list[Row],
    ) -> Images:
        curve, film, descent = self.curves.get(name), self._film(batch, x0), self.descents[name]
        size = descent.slots or CHUNK
        score = partial(self._scored, size=size)
        watch = None if curve is None else curve.observer(score, model, x0, regions)
        observe = together(watch, None if film is None else film.observe)
        start = time.perf_counter()
        result = project_filled(model, x0, descent, observe=observe, arrived=self.arrived)
        seconds = time.perf_counter() - start
        self.descent_reports[name].add(result, images=len(rows), seconds=seconds)
        losses = in_batches(lambda part: reconstruction_losses(model, part, descent), x0, size=size)
        add_descent(rows, name, result, losses, seconds)
        result = without_diverged(result, baseline)
        if curve is not None:
            curve.hold(score, model, x0, regions, result)
        if film is not None and self.folder is not None:
            film.hold(result)
            file, (height, width) = self.folder / "panels" / f"{name}-path.png", batch.image.shape[-2:]
            written = film.write(file, path=str(self.filmed), height=height, width=width, stride=self.stride)
            self.details[name]["path"] = written
        return result.x

    def _film(self, batch: Sample, x0: Images) -> Film | None:
        """Of the filmed image, where it is in this batch."""
        if self.filmed not in batch.path:
            return None
        tiles = len(x0) // len(batch.path)
        return Film(self.path, x0, batch.path.index(self.filmed) * tiles, tiles)

    def _assemble(self, model: Autoencoder, x0: Images, end: Images, image: Images) -> tuple[Images, Maps]:
        """Whole images and their maps, from tiles where there are any."""
        if x0.shape[-2:] == image.shape[-2:]:
            return end, self._scored(model, x0, end)
        height, width = image.shape[-2:]
        pixels = blend(end, height, width, self.stride)
        if self.average == "pixels":
            size = max(1, self.chunk * len(image) // len(x0))  # as many pixels as in the tiles' batches
            return pixels, self._scored(model, image.to(end.device), pixels, size=size)
        return pixels, blend(self._scored(model, x0, end), height, width, self.stride)

    def _scored(self, model: Autoencoder, x0: Images, end: Images, size: int | None = None) -> Maps:
        return in_batches(partial(self.score, model), x0, end, size=size or self.chunk)

    def _draw(self, batch: Sample, whole: Mapping[str, tuple[Images, Maps]]) -> None:
        if self.folder is None:
            return
        baseline = whole[BASELINE]
        for name in self.projections:
            for row, path in enumerate(batch.path):
                if path not in self.wanted:
                    continue
                entry = write_panel(
                    self.folder / "panels",
                    f"{name}-{path}",
                    x0=batch.image[row],
                    baseline=baseline[0][row],
                    projected=whole[name][0][row],
                    baseline_map=baseline[1][row],
                    projected_map=whole[name][1][row],
                    regions=batch.regions[row],
                    limit=self.limit,
                )
                self.panels.append({**entry, "path": path, "defect": batch.defect[row], "projection": name})
                if self.drawn is not None:
                    self.drawn(name, path, whole[name][1][row], batch.regions[row])


def _check_settings(projections: Mapping[str, Descent], average: str, curves: Sequence[str], limit: float) -> None:
    for name, descent in projections.items():
        if not isinstance(descent, Descent):
            raise ValueError(
                f"projections.{name} is no descent: add it to projection=[...] before changing its settings"
            )
    if BASELINE in projections:
        raise ValueError(f"a projection cannot be called {BASELINE}: that column is f(x0)")
    if average not in ("maps", "pixels"):
        raise ValueError(f"test.average must be maps or pixels, got {average!r}")
    if unknown := set(curves) - set(projections):
        raise ValueError(f"test.curves names {sorted(unknown)}, projection has {sorted(projections)}")
    if limit <= 0:
        raise ValueError(f"test.limit must be positive, got {limit}")


def _parts(trainer: L.Trainer, pl_module: L.LightningModule) -> tuple[SourceData, Any]:
    data = trainer.datamodule  # type: ignore[attr-defined]
    if not isinstance(data, SourceData) or not isinstance(pl_module, AutoencoderModule):
        raise TypeError("the projection callback tests an AutoencoderModule on SourceData")
    return data, pl_module.model
