"""`Board`: a logger that also shows pictures, tables and curves. `TensorBoardBoard` writes them for TensorBoard."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from lightning.pytorch.loggers import TensorBoardLogger
from numpy.typing import NDArray

from renormal.lit.captions import Pixels
from renormal.lit.panels import RED as TRUTH
from renormal.lit.samples import Row, columns_of, written

Best = Literal["max", "min", "last"]
Region = NDArray[np.uint8]  # (H, W), 0 or 1
FOUND = (255, 210, 0)  # yellow
SHOWN = 10  # pictures that TensorBoard shows of one series; of more it draws 10 by lot
POINTS = 1000  # of a curve, alike
MANY = "TensorBoard draws %d of the %d points of a curve; tensorboard --samples_per_plugin scalars=0 draws all"
T = TypeVar("T")
log = logging.getLogger("renormal")


class Overlay(NamedTuple):
    """A panel. `truth` and `found` mark pixels of its first picture: the defect, and what the map finds."""

    image: Pixels
    truth: Region
    found: Region
    caption: str


class Board(ABC):
    """A logger that shows more than numbers. Names are paths of nouns, such as test/eq8/steps."""

    def check(self) -> None:
        """Raise ValueError with one line for what would be refused when the logger begins. Opens nothing."""
        return

    @abstractmethod
    def rank_by(self, names: Mapping[str, Best]) -> None:
        """For each number, choose the value by which a project page sorts its runs."""

    @abstractmethod
    def show_image(self, name: str, image: Pixels, *, number: int, step: int, caption: str) -> None:
        """One of several pictures of a name. number: 0, 1, 2 … step: its place on the axis, an epoch."""

    @abstractmethod
    def show_overlays(self, name: str, overlays: Sequence[Overlay]) -> None: ...

    @abstractmethod
    def show_histogram(self, name: str, values: Sequence[float]) -> None: ...

    @abstractmethod
    def show_rows(self, name: str, rows: Sequence[Row], pictures: Mapping[str, Mapping[str, Path]]) -> None:
        """One row per photograph. pictures: column name → path of the photograph → file of the picture."""

    @abstractmethod
    def show_curves(self, curves: Mapping[str, Sequence[float]]) -> None:
        """Curve name → values after iteration 0, 1, 2 …"""


class TensorBoardBoard(TensorBoardLogger, Board):
    """Writes events into `save_dir`/`name`. TensorBoard puts the host's name into file names; `finalize` removes it."""

    def rank_by(self, names: Mapping[str, Best]) -> None:
        """Does nothing: TensorBoard does not sort runs."""

    def show_image(self, name: str, image: Pixels, *, number: int, step: int, caption: str) -> None:
        self.experiment.add_image(named(name, number // SHOWN), image, step, dataformats="HWC")

    def show_overlays(self, name: str, overlays: Sequence[Overlay]) -> None:
        """One image per panel: the defect in red, what was found in yellow."""
        for index, overlay in enumerate(overlays):
            tinted = tint(tint(overlay.image, overlay.truth, TRUTH), overlay.found, FOUND)
            self.show_image(name, tinted, number=index, step=index, caption=overlay.caption)

    def show_histogram(self, name: str, values: Sequence[float]) -> None:
        self.experiment.add_histogram(name, np.asarray(values))

    def show_rows(self, name: str, rows: Sequence[Row], pictures: Mapping[str, Mapping[str, Path]]) -> None:
        columns = columns_of(rows)
        lines = [columns, ["---"] * len(columns), *([written(row[column]) for column in columns] for row in rows)]
        self.experiment.add_text(name, "\n".join(f"| {' | '.join(line)} |" for line in lines))

    def show_curves(self, curves: Mapping[str, Sequence[float]]) -> None:
        if (longest := max(map(len, curves.values()), default=0)) > POINTS:
            log.info(MANY, POINTS, longest)
        for name, values in curves.items():
            for iteration, value in enumerate(values):
                self.experiment.add_scalar(name, value, iteration)

    def finalize(self, status: str) -> None:
        super().finalize(status)
        for file in Path(self.log_dir).glob("events.out.tfevents.*.*"):
            file.rename(file.with_name(f"events.out.tfevents.{time.time_ns()}"))


def named(name: str, part: int) -> str:
    """The name of a part of a series: test/eq8/panels, test/eq8/panels_2, test/eq8/panels_3 …"""
    return f"{name}_{part + 1}" if part else name


def in_parts(name: str, items: Sequence[T], most: int) -> Iterator[tuple[str, Sequence[T]]]:
    """(name of the part, at most `most` items) of all items. No items are one empty part."""
    for part, start in enumerate(range(0, max(1, len(items)), most)):
        yield named(name, part), items[start : start + most]


def tint(image: Pixels, region: Region, colour: tuple[int, int, int]) -> Pixels:
    """image / 2 + colour / 2 where region is 1, else image. Shape (H, W, 3)."""
    half = (image // 2 + np.array(colour, dtype=np.uint8) // 2).astype(np.uint8)
    return np.where(region[..., None] > 0, half, image)
