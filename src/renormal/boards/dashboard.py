"""What loggers are told and shown of a job: after the fact, outside of what is timed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from renormal.boards.board import Best, Board, Overlay, Region
from renormal.boards.traces import traced
from renormal.contracts import Images
from renormal.functional.bins import fine_bins
from renormal.functional.tiles import cut
from renormal.lit.datamodule import SourceData
from renormal.lit.module import AutoencoderModule
from renormal.lit.panels import Pixels, first_of_each_defect, pixels
from renormal.lit.projection_callback import ProjectionCallback
from renormal.lit.samples import tile_with_most_defect
from renormal.metrics import METRICS, best_bin

LOSSES: dict[str, Best] = {"train/loss": "min", "train/gamma": "last", "train/learning_rate": "last"}


class Dashboard(L.Callback):
    """Numbers for every logger; pictures, histograms, rows and curves for those that are a `Board`.

    projection: the callback whose results are shown; it stands before this one. images: training images shown with
    their reconstruction, the first ones. every: epochs between two such pictures. traces: projections whose E and L_r
    are followed by iteration; None: all. samples: how many samples that is done for, in a second descent.
    """

    def __init__(
        self,
        projection: ProjectionCallback,
        *,
        images: int = 4,
        every: int = 10,
        traces: Sequence[str] | None = None,
        samples: int = 8,
    ) -> None:
        if unknown := set(traces or ()) - set(projection.projections):
            raise ValueError(
                f"dashboard.traces names {sorted(unknown)}, projection has {sorted(projection.projections)}"
            )
        if every < 1:
            raise ValueError(f"dashboard.every must be at least 1 epoch, got {every}")
        self.projection, self.images, self.every, self.samples = projection, images, every, samples
        self.traces = tuple(projection.projections if traces is None else traces)
        self.drawn: list[tuple[str, str, Tensor, Tensor]] = []

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        for board in _boards(trainer):
            board.rank_by(LOSSES)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        _, module = _parts(trainer, pl_module)
        for noun, optimizer in zip(module.objectives, trainer.optimizers, strict=True):
            name = "train/learning_rate" + f"/{noun}" * (len(module.objectives) > 1)
            pl_module.log(name, float(optimizer.param_groups[0]["lr"]), sync_dist=True)
        epoch = trainer.current_epoch
        due = epoch % self.every == 0 or epoch + 1 == trainer.max_epochs
        if due and self.images and (boards := list(_boards(trainer))):
            picture = _reconstructions(*_parts(trainer, pl_module), self.images)
            for board in boards:
                board.show_image("train/reconstructions", picture, step=epoch, caption=f"x, f(x): epoch {epoch + 1}")

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if any(_boards(trainer)):
            self.drawn = []
            self.projection.drawn = self._keep

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Everything that the projections left, from the first rank."""
        if not trainer.is_global_zero:
            return
        boards = list(_boards(trainer))
        numbers = dict(self._numbers())
        for board in boards:
            board.rank_by({name: _best(name) for name in numbers})
        for logger in trainer.loggers:
            logger.log_metrics(numbers)
        if boards:
            self._show(boards, *_parts(trainer, pl_module))

    def _keep(self, name: str, path: str, scores: Tensor, regions: Tensor) -> None:
        """A copy: a view would keep its whole batch."""
        self.drawn.append((name, path, fine_bins(scores).cpu(), regions.cpu().clone()))

    def _numbers(self) -> Iterator[tuple[str, float]]:
        yield from ((f"test/{name}", value) for name, value in self.projection.metrics.items())
        for method, report in self.projection.reports.items():
            yield from ((f"test/{method}/{name}", value) for name, value in report.items() if value is not None)

    def _show(self, boards: Sequence[Board], data: SourceData, module: AutoencoderModule) -> None:
        curves, overlays = self._curves(data, module), self._overlays()
        for board in boards:
            for name, report in self.projection.descent_reports.items():
                board.show_histogram(f"test/{name}/steps", torch.cat(report.steps).tolist())
            for name, shown in overlays.items():
                board.show_overlays(f"test/{name}/panels", shown)
            board.show_rows("test/samples", self.projection.rows, self._pictures())
            board.show_curves(curves)

    def _curves(self, data: SourceData, module: AutoencoderModule) -> dict[str, list[float]]:
        curves = {
            f"test/{name}/iterations/{metric}": curve.values()[metric]
            for name, curve in self.projection.curves.items()
            for metric in {"pixel_auroc"} & curve.values().keys()
        }
        if not self.samples or not self.traces:
            return curves
        x0 = self._followed(data).to(module.device).contiguous(memory_format=torch.channels_last)
        for name in self.traces:
            values = traced(module.model, x0, self.projection.descents[name])
            curves |= {f"test/{name}/iterations/{term}": means for term, means in values.items()}
        return curves

    def _followed(self, data: SourceData) -> Images:
        """The first samples of each defect in turn; of a texture the tile in which most is defective."""
        chosen = first_of_each_defect(data.test.defects, data.test.paths, self.samples)
        rows = [data.test.paths.index(path) for path in chosen]
        images, regions = data.test.images[rows].float() / 255, data.test.regions[rows]
        if data.size == data.patch_size:
            return images
        tiles = cut(images, data.patch_size, self.projection.stride)
        best = tile_with_most_defect(cut(regions, data.patch_size, self.projection.stride), len(rows))
        return tiles.view(len(rows), -1, *tiles.shape[1:])[torch.arange(len(rows)), best]  # (B·T, …) → (B, …)

    def _overlays(self) -> dict[str, list[Overlay]]:
        """Each panel; over its x0 the truth, and what the threshold of the best F1 finds."""
        scores, files = {row["path"]: row for row in self.projection.rows}, self._pictures()
        overlays: dict[str, list[Overlay]] = {}
        for name, path, bins, regions in self.drawn:
            strip = np.asarray(Image.open(files[f"{name}/picture"][path]).convert("RGB"))
            truth, found = (_placed(mask, strip) for mask in (regions > 0, bins >= self._least_bin(name)))
            caption = f"{path}, score {scores[path][f'{name}/score']:.3f}"
            overlays.setdefault(name, []).append(Overlay(strip, truth, found, caption))
        return overlays

    def _least_bin(self, name: str) -> int:
        negatives, positives = self.projection.counters[name].counts.cpu()
        if positives.sum() and negatives.sum():
            return best_bin(negatives, positives)
        return int(fine_bins(torch.tensor(self.projection.limit / 2)))  # no masks: half of the colour scale, ours

    def _pictures(self) -> dict[str, dict[str, Path]]:
        """By "<projection>/picture" and path: the panels that were drawn."""
        found: dict[str, dict[str, Path]] = {}
        for panel in self.projection.panels:
            assert self.projection.folder is not None
            file = self.projection.folder / panel["file"]
            found.setdefault(f"{panel['projection']}/picture", {})[panel["path"]] = file
        return found


def _boards(trainer: L.Trainer) -> Iterator[Board]:
    """The first rank's: elsewhere nothing is shown."""
    return (logger for logger in trainer.loggers if isinstance(logger, Board) and trainer.is_global_zero)


def _parts(trainer: L.Trainer, pl_module: L.LightningModule) -> tuple[SourceData, AutoencoderModule]:
    data: Any = trainer.datamodule  # type: ignore[attr-defined]
    if not isinstance(data, SourceData) or not isinstance(pl_module, AutoencoderModule):
        raise TypeError("the dashboard shows an AutoencoderModule on SourceData")
    return data, pl_module


@torch.no_grad()
def _reconstructions(data: SourceData, module: AutoencoderModule, count: int) -> Pixels:
    """x above f(x), side by side; deterministic, so that the training goes on as if nobody had looked."""
    x = next(data.normal_images(count)).to(module.device)
    mode = module.model.training
    module.model.eval()  # batch norms would count these images
    pair = (x, module.model(x))
    module.model.train(mode)
    return np.concatenate([np.concatenate([pixels(image) for image in row], axis=1) for row in pair])


def _placed(mask: Tensor, strip: Pixels) -> Region:
    """The mask over x0, the first picture of the strip."""
    region = np.zeros(strip.shape[:2], dtype=np.uint8)
    region[: mask.shape[0], : mask.shape[1]] = mask.numpy()
    return region


def _best(name: str) -> Best:
    """Every metric of ours is better when higher; steps and seconds are facts."""
    return "max" if name.rpartition("/")[2] in METRICS else "last"
