"""The projection at test time: freeze, measure thresholds, project, score, count, hand panels over."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor

from renormal.contracts import Autoencoder, Images, Maps, Projection, Sample, Score
from renormal.functional.tiles import blend, cut
from renormal.lit.curves import Curve
from renormal.lit.datamodule import SourceData
from renormal.lit.descent_report import DescentReport
from renormal.lit.film import Film, first_anomalous, together
from renormal.lit.module import AutoencoderModule
from renormal.lit.panels import write_panel
from renormal.lit.samples import Row, add_descent, add_scores, open_rows
from renormal.metrics import AnomalyMetrics
from renormal.projection import Descent, project, reconstruction_losses, settle

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
        """Normal images set each threshold, in the precision and the batch size of its descent."""
        data, model = _parts(trainer, pl_module)
        model.requires_grad_(False)
        self.counters = {name: AnomalyMetrics().to(pl_module.device) for name in (BASELINE, *self.projections)}
        self.filmed = first_anomalous(data.test.defects, data.test.paths) if self.path and self.folder else None
        self.wanted = set(first_of_each_defect(data.test.defects, data.test.paths, self.panel_count))
        self.rows = []
        self.curves = {name: Curve(self.projections[name].max_steps) for name in self.curve_names}
        losses: dict[Any, Tensor] = {}
        self.descents: dict[str, Descent] = {}
        few = _on(next(data.normal_images(CHUNK)), pl_module.device)
        for name, projection in self.projections.items():
            descent = settle(projection, model, few)
            key = (descent.energy, descent.precision, descent.slots)
            if key not in losses:
                losses[key] = _normal_losses(data, model, descent, pl_module.device)
            self.descents[name] = replace(descent, stop=descent.stop.calibrated(losses[key]))
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
        data, model = _parts(trainer, pl_module)
        tiled = data.size != data.patch_size
        patches = cut(batch.image, data.patch_size, self.stride) if tiled else batch.image
        x0 = _on(patches, pl_module.device)
        regions = cut(batch.regions, data.patch_size, self.stride) if tiled else batch.regions
        baseline = torch.cat([model.reconstruct(part).image for part in torch.split(x0, CHUNK)])
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
        """Numbers for the record: metrics of all ranks together, steps and seconds of this one."""
        _, model = _parts(trainer, pl_module)
        model.requires_grad_(True)
        for name, counter in self.counters.items():
            self.metrics.update({f"{name}/{metric}": value.item() for metric, value in counter.compute().items()})
        if undefined := self.counters[BASELINE].undefined:
            reasons = " and ".join(sorted(set(undefined.values())))
            log.warning("%s not defined: %s", ", ".join(undefined), reasons)
        self.reports = {name: report.values() for name, report in self.descent_reports.items()}
        for name, details in self.details.items():
            details["steps"] = self.descent_reports[name].histogram()
        for name, report in self.reports.items():
            if report["diverged"]:
                log.warning("%s: %.0f samples diverged, f(x0) is scored", name, report["diverged"])

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
        curve, film = self.curves.get(name), self._film(batch, x0)
        watch = None if curve is None else curve.observer(self.score, model, x0, regions)
        observe = together(watch, None if film is None else film.observe)
        start = time.perf_counter()
        result = project(model, x0, self.descents[name], observe=observe, arrived=self.arrived)
        seconds = time.perf_counter() - start
        self.descent_reports[name].add(result, images=len(rows), seconds=seconds)
        add_descent(rows, name, result, reconstruction_losses(model, x0, self.descents[name]), seconds)
        result = _without_diverged(result, baseline)
        if curve is not None:
            curve.hold(self.score, model, x0, regions, result)
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
            return pixels, self._scored(model, image.to(end.device), pixels)
        return pixels, blend(self._scored(model, x0, end), height, width, self.stride)

    def _scored(self, model: Autoencoder, x0: Images, end: Images) -> Maps:
        pairs = zip(torch.split(x0, CHUNK), torch.split(end, CHUNK), strict=True)
        return torch.cat([self.score(model, before, after) for before, after in pairs])

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


def _normal_losses(data: SourceData, model: Autoencoder, descent: Descent, device: torch.device) -> Tensor:
    slots = descent.slots or CHUNK
    size = slots * max(1, CHUNK // slots)  # whole batches of the descent
    chunks = data.normal_images(size)
    return torch.cat([reconstruction_losses(model, _on(chunk, device), descent) for chunk in chunks])


def _without_diverged(result: Projection, baseline: Images) -> Projection:
    """A sample that left the finite numbers counts as its reconstruction."""
    finite = result.x.flatten(1).isfinite().all(dim=1)
    return result._replace(x=torch.where(finite[:, None, None, None], result.x, baseline))


def _on(images: Images, device: torch.device) -> Images:
    return images.to(device).contiguous(memory_format=torch.channels_last)


def first_of_each_defect(defects: Sequence[str], paths: Sequence[str], count: int) -> list[str]:
    """One of each kind in turn, by position: nobody picks the pictures by their result."""
    by_defect: dict[str, list[str]] = {}
    for defect, path in zip(defects, paths, strict=True):
        by_defect.setdefault(defect, []).append(path)
    turns = max(map(len, by_defect.values()), default=0)
    order = [own[turn] for turn in range(turns) for own in by_defect.values() if turn < len(own)]
    return order[:count]
