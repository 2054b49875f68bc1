"""`WandbBoard`: one wandb run for each job."""

from __future__ import annotations

import logging
import os
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

import numpy as np
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from renormal.boards import wandb_check, wandb_run
from renormal.boards.board import Best, Board, Overlay, in_parts
from renormal.lit.captions import Pixels
from renormal.lit.samples import Row, columns_of

EXIT_CODES = {"finished": 0, "failed": 1, "aborted": 130}  # not "success": Lightning sends it after each stage
BINS = 100  # of a histogram, ours; wandb allows 512
CLASSES = {"truth": {1: "defect"}, "found": {1: "found"}}
LOST = "wandb: its service has ended (%s), and the run gets nothing more; the job goes on, and its record has all"
P = ParamSpec("P")
log = logging.getLogger("renormal")


def while_served(
    method: Callable[Concatenate[WandbBoard, P], None],
) -> Callable[Concatenate[WandbBoard, P], None]:
    """`method`, which does nothing once wandb's service has ended. The first call that finds that logs a warning."""

    @wraps(method)
    def served(self: WandbBoard, /, *arguments: P.args, **named: P.kwargs) -> None:
        if self.closed:
            return
        try:
            method(self, *arguments, **named)
        except wandb_run.service_errors() as error:
            self.closed = True
            log.warning(LOST, type(error).__name__)
            wandb_run.leave_service()
            if self._experiment is not None:
                wandb_run.delete_logs(self._experiment)

    return served


class WandbBoard(WandbLogger, Board):
    """Lightning's wandb logger. `wandb_run.begin` opens its run when the first value is logged.

    When wandb's service ends, the job goes on without it.

    id: of the run; a logger with the id of an earlier run continues it. mode: see `wandb_run.begin`.
    pictures_in_rows: show panels inside the table of samples. wandb copies such a table to the home folder first and
    writes that path into the run's file.
    """

    def __init__(
        self,
        *,
        save_dir: str | Path,
        project: str,
        name: str,
        group: str | None = None,
        tags: Sequence[str] = (),
        entity: str | None = None,
        id: str | None = None,  # noqa: A002, the name that wandb gives it
        mode: str = "auto",
        pictures_in_rows: bool = False,
    ) -> None:
        super().__init__(name=name, save_dir=save_dir, project=project, version=id)
        own = {"project": project, "name": name, "group": group, "entity": entity, "id": id}
        self.run: dict[str, Any] = {key: value if value is None else str(value) for key, value in own.items()}
        self.run["tags"] = list(map(str, tags))
        self.mode, self.pictures_in_rows, self.closed = mode, pictures_in_rows, False

    def check(self) -> None:
        wandb_check.check(mode=self.mode, **self.run)

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        if self._experiment is None:
            self._experiment = wandb_run.begin(Path(os.fspath(self.save_dir or ".")), mode=self.mode, **self.run)
            self._experiment.define_metric("epoch", hidden=True)
            self._experiment.define_metric("iteration", hidden=True)
            self._experiment.define_metric("train/*", step_metric="epoch")
        return self._experiment

    @rank_zero_only
    @while_served
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        super().log_metrics(metrics, step)

    @rank_zero_only
    @while_served
    def log_hyperparams(self, params: dict[str, Any] | Namespace) -> None:
        super().log_hyperparams(params)

    @rank_zero_only
    @while_served
    def finalize(self, status: str) -> None:
        """Close the run at the end of the job. Other calls, at the end of a stage, do nothing."""
        if self._experiment is not None and status in EXIT_CODES:
            wandb_run.end(self._experiment, exit_code=EXIT_CODES[status])
            self.closed = True

    @while_served
    def rank_by(self, names: Mapping[str, Best]) -> None:
        for name, best in names.items():
            axis = {"step_metric": "epoch"} if name.startswith("train/") else {}
            self.experiment.define_metric(name, summary=best, **axis)

    @while_served
    def show_image(self, name: str, image: Pixels, *, number: int, step: int, caption: str) -> None:
        import wandb

        self.experiment.log({name: [wandb.Image(image, caption=caption)], "epoch": step})

    @while_served
    def show_overlays(self, name: str, overlays: Sequence[Overlay]) -> None:
        """In parts of as many images as wandb keeps of one call."""
        import wandb

        for part, shown in in_parts(name, overlays, wandb.Image.MAX_ITEMS):
            self.log_image(
                part,
                [overlay.image for overlay in shown],
                caption=[overlay.caption for overlay in shown],
                masks=[
                    {key: {"mask_data": getattr(one, key), "class_labels": labels} for key, labels in CLASSES.items()}
                    for one in shown
                ],
            )

    @while_served
    def show_histogram(self, name: str, values: Sequence[float]) -> None:
        import wandb

        top = int(max(values)) + 1
        counts = np.histogram(values, bins=min(top, BINS), range=(0, top))  # one bin per count, if BINS allows
        self.experiment.log({name: wandb.Histogram(np_histogram=counts)})

    @while_served
    def show_rows(self, name: str, rows: Sequence[Row], pictures: Mapping[str, Mapping[str, Path]]) -> None:
        """As `Board.show_rows`, in parts of as many rows as wandb keeps of a table."""
        import wandb

        columns, data = columns_of(rows), []
        for row in rows:
            found = [files.get(str(row["path"])) for files in pictures.values()]
            data.append([*(row[column] for column in columns), *map(self._picture_cell, found)])
        most = wandb.Table.MAX_ARTIFACT_ROWS if self.pictures_in_rows else wandb.Table.MAX_ROWS
        for part, lines in in_parts(name, data, most):
            table = wandb.Table(columns=[*columns, *pictures], data=lines, allow_mixed_types=True)
            if not self.pictures_in_rows:
                wandb_run.keep_in_run(table, self.experiment, part)
            self.experiment.log({part: table})

    def _picture_cell(self, picture: Path | None) -> Any:
        import wandb

        if picture is None:
            return None
        return wandb.Image(str(picture)) if self.pictures_in_rows else picture.name

    @while_served
    def show_curves(self, curves: Mapping[str, Sequence[float]]) -> None:
        """As `Board.show_curves`. A curve that ends early repeats its last value: wandb logs all curves together."""
        for name in curves:
            self.experiment.define_metric(name, step_metric="iteration", summary="last")
        for iteration in range(max(map(len, curves.values()), default=0)):
            row = {name: values[min(iteration, len(values) - 1)] for name, values in curves.items()}
            self.experiment.log({**row, "iteration": iteration})
