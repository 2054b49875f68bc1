"""What a dashboard can be shown beside numbers, and how TensorBoard shows it."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from lightning.pytorch.loggers import TensorBoardLogger
from numpy.typing import NDArray

from renormal.lit.panels import RED as TRUTH
from renormal.lit.panels import Pixels
from renormal.lit.samples import Row, columns_of, written

Best = Literal["max", "min", "last"]
Region = NDArray[np.uint8]  # (H, W), 0 or 1
FOUND = (255, 210, 0)


class Overlay(NamedTuple):
    """A panel; over its first picture what is defective and what was found."""

    image: Pixels
    truth: Region
    found: Region
    caption: str


class Board(ABC):
    """A logger that shows more than numbers. Each name is a path of nouns: test/eq8/steps."""

    @abstractmethod
    def rank_by(self, names: Mapping[str, Best]) -> None:
        """Which value of each number stands for the whole run, so that a project page sorts by it."""

    @abstractmethod
    def show_image(self, name: str, image: Pixels, *, step: int, caption: str) -> None: ...

    @abstractmethod
    def show_overlays(self, name: str, overlays: Sequence[Overlay]) -> None: ...

    @abstractmethod
    def show_histogram(self, name: str, values: Sequence[float]) -> None: ...

    @abstractmethod
    def show_rows(self, name: str, rows: Sequence[Row], pictures: Mapping[str, Mapping[str, Path]]) -> None:
        """One row per photograph. pictures: by column and by path of the photograph."""

    @abstractmethod
    def show_curves(self, curves: Mapping[str, Sequence[float]]) -> None:
        """By iteration, from 0 on; a curve that ends early stays where it ended."""


class TensorBoardBoard(TensorBoardLogger, Board):
    """Events in `save_dir`/`name`, without the host's name, which TensorBoard writes into every file name."""

    def rank_by(self, names: Mapping[str, Best]) -> None:
        """TensorBoard has no such thing."""

    def show_image(self, name: str, image: Pixels, *, step: int, caption: str) -> None:
        self.experiment.add_image(name, image, step, dataformats="HWC")

    def show_overlays(self, name: str, overlays: Sequence[Overlay]) -> None:
        """What is defective in red, what was found in yellow, one panel after the other."""
        for index, overlay in enumerate(overlays):
            tinted = tint(tint(overlay.image, overlay.truth, TRUTH), overlay.found, FOUND)
            self.experiment.add_image(name, tinted, index, dataformats="HWC")

    def show_histogram(self, name: str, values: Sequence[float]) -> None:
        self.experiment.add_histogram(name, np.asarray(values))

    def show_rows(self, name: str, rows: Sequence[Row], pictures: Mapping[str, Mapping[str, Path]]) -> None:
        columns = columns_of(rows)
        lines = [columns, ["---"] * len(columns), *([written(row[column]) for column in columns] for row in rows)]
        self.experiment.add_text(name, "\n".join(f"| {' | '.join(line)} |" for line in lines))

    def show_curves(self, curves: Mapping[str, Sequence[float]]) -> None:
        for name, values in curves.items():
            for iteration, value in enumerate(values):
                self.experiment.add_scalar(name, value, iteration)

    def finalize(self, status: str) -> None:
        super().finalize(status)
        for file in Path(self.log_dir).glob("events.out.tfevents.*.*"):
            file.rename(file.with_name(f"events.out.tfevents.{time.time_ns()}"))


def tint(image: Pixels, region: Region, colour: tuple[int, int, int]) -> Pixels:
    """Half of the colour where the region is."""
    half = (image // 2 + np.array(colour, dtype=np.uint8) // 2).astype(np.uint8)
    return np.where(region[..., None] > 0, half, image)
