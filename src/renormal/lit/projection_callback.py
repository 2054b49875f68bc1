"""The projection at test time: freeze, measure thresholds, project, score, count, hand panels over."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
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
from renormal.lit.module import AutoencoderModule
from renormal.lit.panels import write_panel
from renormal.metrics import AnomalyMetrics
from renormal.projection import Descent, project, reconstruction_losses

BASELINE = "baseline"


class ProjectionCallback(L.Callback):
    """Runs every projection over the test set and leaves `metrics`, `reports`, `curves` and `panels`.

    projections: name → descent; each is a column of the table, beside the baseline f(x0). stride: of the tiles into
    which textures are cut. average: "maps" scores each tile and averages the maps (Bergmann et al., CVPR 2019),
    "pixels" averages the projected tiles and scores the whole image. curves: projections whose AUROC is wanted after
    each iteration. panels: how many samples are drawn, the first of each defect in turn. limit: top of the maps' scale.
    """

    def __init__(
        self,
        projections: Mapping[str, Descent],
        *,
        score: Score,
        stride: int = 128,
        average: str = "maps",
        curves: Sequence[str] = (),
        panels: int = 12,
        limit: float = 0.5,
        folder: Path | None = None,
    ) -> None:
        if average not in ("maps", "pixels"):
            raise ValueError(f"average must be maps or pixels, got {average!r}")
        if BASELINE in projections:
            raise ValueError(f"a projection cannot be called {BASELINE}: that column is f(x0)")
        self.projections = dict(projections)
        self.score, self.stride, self.average = score, stride, average
        self.curve_names, self.limit = tuple(curves), limit
        self.panel_count, self.folder = panels, folder
        self.metrics: dict[str, float] = {}
        self.reports: dict[str, dict[str, float | None]] = {}
        self.panels: list[dict[str, str]] = []
        self.curves: dict[str, Curve] = {}

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Normal images set each threshold, in the precision and the batch size of its descent."""
        data, model = _parts(trainer, pl_module)
        model.requires_grad_(False)
        self.counters = {name: AnomalyMetrics().to(pl_module.device) for name in (BASELINE, *self.projections)}
        self.descents: dict[str, Descent] = {}
        self.projected: dict[str, list[Projection]] = {name: [] for name in self.projections}
        self.seconds = dict.fromkeys((BASELINE, *self.projections), 0.0)
        self.wanted = _first_of_each_defect(data.test.defects, data.test.paths, self.panel_count)
        self.curves = {name: Curve(self.projections[name].max_steps) for name in self.curve_names}
        normal = _on(data.normal_images(), pl_module.device)
        losses: dict[Any, Tensor] = {}
        for name, descent in self.projections.items():
            key = (descent.energy, descent.precision, descent.slots)
            if key not in losses:
                losses[key] = reconstruction_losses(model, normal, descent)
            self.descents[name] = replace(descent, stop=descent.stop.calibrated(losses[key]))

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
        ends = {BASELINE: self._reconstruct(model, x0)}
        for name in self.projections:
            ends[name] = self._project(name, model, x0, regions)
        whole = {name: self._assemble(model, x0, end, batch.image) for name, end in ends.items()}
        for name, (_, maps) in whole.items():
            self.counters[name].update(maps, batch.regions)
        self._draw(batch, whole)

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Numbers for the record."""
        for name, counter in self.counters.items():
            values = {f"{name}/{metric}": value.item() for metric, value in counter.compute().items()}
            self.metrics.update(values)
            if counter.undefined and name == BASELINE:
                for metric, reason in counter.undefined.items():
                    warnings.warn(f"{metric} is not defined: {reason}", stacklevel=2)
        for name in self.projections:
            self.reports[name] = self._report(name)
        for logger in trainer.loggers:
            logger.log_metrics({f"test/{name}": value for name, value in self.metrics.items()})

    def _reconstruct(self, model: Autoencoder, x0: Images) -> Images:
        start = time.perf_counter()
        images = torch.cat([model.reconstruct(part).image for part in torch.split(x0, 16)])
        self.seconds[BASELINE] += time.perf_counter() - start
        return images

    def _project(self, name: str, model: Autoencoder, x0: Images, regions: Tensor) -> Images:
        descent, curve = self.descents[name], self.curves.get(name)
        start = time.perf_counter()
        observe = None if curve is None else curve.observer(self.score, model, x0, regions)
        result = project(model, x0, descent, observe=observe)
        self.seconds[name] += time.perf_counter() - start
        if curve is not None:
            curve.hold(self.score, model, x0, regions, result)
        self.projected[name].append(result._replace(x=x0[:0], terms=result.terms._replace(reconstructed=x0[:0])))
        return result.x

    def _assemble(self, model: Autoencoder, x0: Images, end: Images, image: Images) -> tuple[Images, Maps]:
        """Whole images and their maps, from tiles where there are any."""
        if x0.shape[-2:] == image.shape[-2:]:
            return end, self.score(model, x0, end)
        height, width = image.shape[-2:]
        pixels = blend(end, height, width, self.stride)
        if self.average == "pixels":
            return pixels, self.score(model, image.to(end.device), pixels)
        return pixels, blend(self.score(model, x0, end), height, width, self.stride)

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

    def _report(self, name: str) -> dict[str, float | None]:
        results = self.projected[name]
        steps = torch.cat([result.steps for result in results]).double()
        stopped = torch.cat([result.stopped for result in results]).double()
        energy = torch.cat([result.terms.total for result in results])
        if diverged := int((~energy.isfinite()).sum()):
            warnings.warn(f"{name}: the energy of {diverged} of {len(energy)} samples is not finite", stacklevel=2)
        seconds = self.seconds[name]
        return {
            "threshold": getattr(self.descents[name].stop, "value", None),
            "steps_mean": steps.mean().item(),
            "steps_median": steps.median().item(),
            "steps_max": steps.max().item(),
            "stopped_fraction": stopped.mean().item(),
            "diverged": float(diverged),
            "seconds": seconds,
            "images_per_second": len(steps) / seconds,
            "image_steps_per_second": (steps + 1).sum().item() / seconds,  # one evaluation more than updates
        }


def _parts(trainer: L.Trainer, pl_module: L.LightningModule) -> tuple[SourceData, Any]:
    data = trainer.datamodule  # type: ignore[attr-defined]
    if not isinstance(data, SourceData) or not isinstance(pl_module, AutoencoderModule):
        raise TypeError("the projection callback tests an AutoencoderModule on SourceData")
    return data, pl_module.model


def _on(images: Images, device: torch.device) -> Images:
    return images.to(device).contiguous(memory_format=torch.channels_last)


def _first_of_each_defect(defects: Sequence[str], paths: Sequence[str], count: int) -> set[str]:
    """One of each kind in turn, by position: nobody picks the pictures by their result."""
    by_defect: dict[str, list[str]] = {}
    for defect, path in zip(defects, paths, strict=True):
        by_defect.setdefault(defect, []).append(path)
    turns = max(map(len, by_defect.values()), default=0)
    order = [own[turn] for turn in range(turns) for own in by_defect.values() if turn < len(own)]
    return set(order[:count])
