"""What the loggers of a job show: numbers, pictures, histograms, rows and curves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import lightning as L
import torch
from torch import Tensor

from renormal.boards.board import Best, Board
from renormal.boards.results import Panel, aurocs, numbers, overlays, pictures, traces
from renormal.contracts import Autoencoder, Generator, Images
from renormal.functional.bins import fine_bins
from renormal.functional.reconstructed import reconstructed
from renormal.lit.captions import Pixels
from renormal.lit.datamodule import SourceData
from renormal.lit.module import AutoencoderModule
from renormal.lit.panels import grid
from renormal.lit.projection_callback import ProjectionCallback
from renormal.lit.stage import callbacks_of, work_of

LOSSES: dict[str, Best] = {"train/loss": "min", "train/gamma": "last", "train/learning_rate": "last"}


class Dashboard(L.Callback):
    """Numbers for every logger; pictures, histograms, rows and curves for those that are a `Board`.

    images: training images shown with their reconstruction, the first ones. every: epochs between two such pictures.
    traces: projections whose E and L_r are followed by iteration; None: all. samples: how many samples that is done
    for, in a second descent. Of a test it shows what the trainer's ProjectionCallback leaves, which is called before.
    """

    def __init__(
        self, *, images: int = 4, every: int = 10, traces: Sequence[str] | None = None, samples: int = 8
    ) -> None:
        self.images, self.every, self.samples, self.traces = images, every, samples, traces
        self.panels: list[Panel] | None = None  # of the running test, where a board shows them

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        for board in _boards(trainer):
            board.rank_by(LOSSES)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        work = work_of(trainer, pl_module)
        for noun, optimizer in zip(work.module.objectives, trainer.optimizers, strict=True):
            name = "train/learning_rate" + f"/{noun}" * (len(work.module.objectives) > 1)
            pl_module.log(name, float(optimizer.param_groups[0]["lr"]), sync_dist=True)
        epoch = trainer.current_epoch
        due = epoch % self.every == 0 or epoch + 1 == trainer.max_epochs
        boards = list(_boards(trainer)) if due and self.images else []
        if boards and (picture := _reconstructions(work.data, work.module, self.images)) is not None:
            number = -(-epoch // self.every)  # rounded up: the last epoch may be an extra one
            caption = f"x, f(x): epoch {epoch + 1}"
            for board in boards:
                board.show_image("train/reconstructions", picture, number=number, step=epoch, caption=caption)

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.panels = [] if any(_boards(trainer)) else None

    def keep_panel(self, name: str, path: str, scores: Tensor, regions: Tensor) -> None:
        """What `Drawing.watch` calls with each panel. A copy: a view would keep its whole batch."""
        if self.panels is not None:
            self.panels.append(Panel(name, path, fine_bins(scores).cpu(), regions.cpu().clone()))

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Everything that the test has left, from the first rank."""
        test = next((one for one in callbacks_of(trainer) if isinstance(one, ProjectionCallback)), None)
        if test is None or not trainer.is_global_zero:
            return
        boards, found = list(_boards(trainer)), dict(numbers(test))
        for board in boards:
            board.rank_by({name: "max" if name.removeprefix("test/") in test.metrics else "last" for name in found})
        for logger in trainer.loggers:
            logger.log_metrics(found)
        if boards:
            work = work_of(trainer, pl_module)
            names = list(test.runs if self.traces is None else self.traces)
            curves = aurocs(test) | traces(test, work.data, work.module, names=names, samples=self.samples)
            self._show(boards, test, curves)

    def _show(self, boards: Sequence[Board], test: ProjectionCallback, curves: dict[str, list[float]]) -> None:
        panels, files = overlays(test, self.panels or ()), pictures(test)
        for board in boards:
            for name, run in test.runs.items():
                board.show_histogram(f"test/{name}/steps", torch.cat(run.report.steps).tolist())
            for name, shown in panels.items():
                board.show_overlays(f"test/{name}/panels", shown)
            board.show_rows("test/samples", test.rows, files)
            board.show_curves(curves)


def _boards(trainer: L.Trainer) -> Iterator[Board]:
    """The first rank's: elsewhere nothing is shown."""
    return (logger for logger in trainer.loggers if isinstance(logger, Board) and trainer.is_global_zero)


@torch.no_grad()
def _reconstructions(data: SourceData, module: AutoencoderModule, count: int) -> Pixels | None:
    """x above f(x), one image after the other; above G(z) of fixed z where there is no f(x), and None without either.

    It draws no random number of the training, which goes on as it would without.
    """
    x = next(data.normal_images(count)).to(module.device)
    mode = module.model.training
    module.model.eval()  # batch norms would count these images
    with torch.random.fork_rng([module.device] if module.device.type == "cuda" else []):
        end = _ends(module.model, x)
    module.model.train(mode)
    return None if end is None else grid((x, end))


def _ends(model: object, x: Images) -> Images | None:
    if isinstance(model, Autoencoder):
        return reconstructed(model, x).image
    if not isinstance(model, Generator):
        return None
    z = torch.randn(len(x), model.latent, generator=torch.Generator().manual_seed(0))
    return model.decode(z.to(x.device))
