"""Build data, model, columns and trainer from the config."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import lightning as L
import torch
from hydra.utils import instantiate
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from renormal.data import Source
from renormal.data.memory import own_side
from renormal.functional.tiles import tiles
from renormal.job.checkpoints import check_fit, checkpoint_of
from renormal.job.checks import check_sizes
from renormal.job.environment import precision_of
from renormal.job.memory import check_batch, check_images
from renormal.job.rank import started_by_srun
from renormal.lit.columns import Columns
from renormal.lit.datamodule import Decoding, Sizes, SourceData
from renormal.lit.last_checkpoint import LastCheckpoint
from renormal.lit.module import AutoencoderModule
from renormal.lit.stage import CHOOSE, TRAIN
from renormal.lit.termination import EndAtOnce
from renormal.lit.whole_file import WholeFile

log = logging.getLogger("renormal")


def build_data(config: DictConfig, source: Source) -> SourceData:
    """The data of every stage. All images are decoded here, so that a bad file ends the job before its work."""
    given = config.data
    sizes = sizes_of(given, source)._replace(fixed=config.get("continue") is not None)
    check_sizes(config, source.kind, sizes)
    each = tiles(*sizes.of(source.kind), config.test.stride)  # test.samples counts tiles
    test_images = max(1, int(config.test.samples) // each)
    data = SourceData(
        source,
        sizes=sizes,
        decoding=Decoding(config.data.channels, OmegaConf.select(config, "data.bits"), config.test.mask_level),
        batch_size=config.batch_size,
        epoch_images=config.data.epoch_images,
        test_images=test_images,
        seed=config.seed,
        shrink=OmegaConf.select(given, "shrink") or [1],
    )
    check_fit(config, lambda: build_module(config, data, ""))
    tests = bool(set(config.stages) - {TRAIN, CHOOSE})
    check_images(data, tests=tests)
    if TRAIN in config.stages:
        check_batch(config, data)
    if data.training.nbytes and tests:
        _ = data.test
    return data


def sizes_of(given: DictConfig, source: Source) -> Sizes:
    """Sides in pixels. Where the config has null, the side is that of the photographs (`own_side`), and a line says it.

    given: config.data.
    """
    key = f"{source.kind}_size"
    sides = {"texture_size": given.texture_size, "object_size": given.object_size}
    if sides[key] is None:
        sides[key] = own_side(source, given.patch_size)
        log.info("%s: the photographs are seen at %s px (data.%s=%s)", source.name, sides[key], key, sides[key])
    tiled = bool(OmegaConf.select(given, "object_tiles"))
    return Sizes(sides["texture_size"], sides["object_size"], given.patch_size, tiled)


def build_module(config: DictConfig, data: SourceData, training_hash: str) -> AutoencoderModule:
    """The model in the module that trains it, in the memory format channels last."""
    kind = instantiate(OmegaConf.select(config, "model.module")) or AutoencoderModule
    net = instantiate(config.model.net, channels=data.channels, size=data.patch_size, _convert_="all")
    optimizer = instantiate(config.model.optimizer, _convert_="all")
    scheduler = instantiate(config.model.scheduler, _convert_="all")
    module: AutoencoderModule = kind(
        net, optimizer=optimizer, scheduler=scheduler, seed=config.seed, fingerprint=training_hash
    )
    return module.to(memory_format=torch.channels_last)


def build_columns(config: DictConfig) -> Columns:
    """Every projection of the config, its score, and its further scores."""
    return Columns(
        projections=instantiate(config.projections, _convert_="all"),
        score=instantiate(config.score, _convert_="all"),
        scores=instantiate(config.scores, _convert_="all"),
        crossed=config.test.crossed,
    )


def build_trainer(config: DictConfig, folder: Path, own: list[L.Callback], loggers: list[Logger]) -> L.Trainer:
    """Lightning's trainer, with the callback that writes the checkpoint."""
    last = LastCheckpoint(checkpoint_of(folder), minutes=config.checkpoint_minutes)
    plugins: list[Any] = [WholeFile()]
    if started_by_srun():
        plugins.append(SLURMEnvironment(auto_requeue=False))  # submitit requeues the job
    trainer: L.Trainer = instantiate(
        OmegaConf.merge(config.trainer, {"precision": precision_of(config)}),
        callbacks=[*own, EndAtOnce(), last],
        logger=loggers or False,
        plugins=plugins,
        default_root_dir=str(folder),
        _convert_="all",
    )
    return trainer
