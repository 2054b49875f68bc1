"""A small test set, a small VAE and a run of the projection callback over them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import torch

from renormal.contracts import Score
from renormal.data import stand_in
from renormal.lit.columns import Columns
from renormal.lit.datamodule import Sizes, SourceData
from renormal.lit.module import AutoencoderModule
from renormal.lit.projection_callback import ProjectionCallback
from renormal.lit.scoring import Scoring
from renormal.models import VAE
from renormal.projection import Descent, Gradient
from renormal.scores import DSSIM

DESCENTS = {"eq8_adam": Descent(max_steps=4), "eq8": Descent(direction=Gradient(), max_steps=4)}


def data_of(root: Path, category: str) -> SourceData:
    source = stand_in(root, category, train=6, good=2, defective=1)
    return SourceData(source, sizes=Sizes(64, 32, 32), batch_size=4, epoch_images=8, test_images=2)


def module_of(data: SourceData) -> AutoencoderModule:
    torch.manual_seed(0)
    net = VAE(channels=data.channels, latent=8, size=32)
    return AutoencoderModule(net, optimizer=partial(torch.optim.Adam, lr=1e-3)).to(memory_format=torch.channels_last)


def callback_of(
    projections: Mapping[str, Descent] = DESCENTS,
    score: Score | None = None,
    *,
    scores: Mapping[str, Score] | None = None,
    crossed: bool = False,
    stride: int = 128,
    average: str = "maps",
    **settings: Any,
) -> ProjectionCallback:
    columns = Columns(projections=projections, score=score or DSSIM(), scores=scores or {}, crossed=crossed)
    return ProjectionCallback(columns, scoring=Scoring(stride, average), **settings)


def after_test(data: SourceData, callback: ProjectionCallback, *, inference_mode: bool = False) -> AutoencoderModule:
    module = module_of(data)
    trainer = L.Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        inference_mode=inference_mode,
        callbacks=[callback],
    )
    trainer.test(module, datamodule=data, verbose=False)
    return module
