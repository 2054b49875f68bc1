"""A picture of the damage that a network learns to repair: people can see whether it resembles defects."""

from __future__ import annotations

from pathlib import Path

import lightning as L
import torch

from renormal.functional.corruption import Corrupting
from renormal.lit.captions import write_png
from renormal.lit.datamodule import SourceData
from renormal.lit.panels import grid

FILE = "damage.png"
CAPTION = "first row: good images; below, in pairs: the damaged image and its damaged pixels"
COUNT, ROWS = 8, 3  # images in a row; damages of each image


class DamageSheet(L.Callback):
    """Writes `folder`/damage.png: a row of good images, then ROWS times the damaged images and the damaged pixels."""

    def __init__(self, folder: Path, *, seed: int = 0) -> None:
        self.folder, self.seed = folder, seed

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """The damage has its own generator: the training draws the same numbers with and without this picture."""
        data = trainer.datamodule  # type: ignore[attr-defined]
        corruption = getattr(pl_module.model, "corruption", None)
        if trainer.is_global_zero and isinstance(data, SourceData) and corruption is not None:
            self.draw(corruption, data)

    def draw(self, corruption: Corrupting, data: SourceData) -> Path:
        images = next(data.normal_images(COUNT))
        generator = torch.Generator().manual_seed(self.seed)
        rows = [images]
        for _ in range(ROWS):
            seen, _, cover = corruption(images, generator=generator)
            rows += [seen, cover.expand_as(images)]
        write_png(self.folder / FILE, grid(rows), [CAPTION])
        return self.folder / FILE
