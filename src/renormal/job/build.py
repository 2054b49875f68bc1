"""What a job works with, each part built from its place in the config."""

from __future__ import annotations

from pathlib import Path

import lightning as L
import torch
from hydra.utils import instantiate
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from renormal.data import Source
from renormal.functional.tiles import tiles
from renormal.job.checks import check_sizes
from renormal.job.environment import precision_of
from renormal.job.rank import started_by_srun
from renormal.lit.columns import Columns
from renormal.lit.datamodule import Sizes, SourceData
from renormal.lit.module import AutoencoderModule
from renormal.lit.stage import CHOOSE, TRAIN
from renormal.lit.termination import EndAtOnce
from renormal.lit.whole_file import WholeFile


def build_data(config: DictConfig, source: Source) -> SourceData:
    """The data of every stage. All images are decoded here: a bad file ends the job before its work."""
    check_sizes(config, source.kind)
    data = SourceData(
        source,
        sizes=Sizes(config.data.texture_size, config.data.object_size, config.data.patch_size),
        channels=config.data.channels,
        batch_size=config.batch_size,
        epoch_images=config.data.epoch_images,
        test_images=images_at_once(config, source.kind),
        seed=config.seed,
    )
    if data.training.nbytes and set(config.stages) - {TRAIN, CHOOSE}:
        _ = data.test
    return data


def images_at_once(config: DictConfig, kind: str) -> int:
    """Whole test images whose tiles together make up test.samples."""
    samples = int(config.test.samples)
    if kind != "texture":
        return samples
    return max(1, samples // tiles(config.data.texture_size, config.data.patch_size, config.test.stride))


def build_module(config: DictConfig, data: SourceData, training_hash: str) -> AutoencoderModule:
    """The model in the module that trains it, channels last."""
    kind = instantiate(OmegaConf.select(config, "model.module")) or AutoencoderModule  # one optimizer, or named
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
    """Lightning's trainer, with the last checkpoint kept after each epoch."""
    callbacks = [
        *own,
        EndAtOnce(),
        ModelCheckpoint(dirpath=folder / "checkpoints", filename="last", save_top_k=1, enable_version_counter=False),
    ]
    settings = OmegaConf.merge(config.trainer, {"precision": precision_of(config)})
    trainer: L.Trainer = instantiate(
        settings,
        callbacks=callbacks,
        logger=loggers or False,
        plugins=[WholeFile(), *requeued_by_submitit()],
        default_root_dir=str(folder),
        _convert_="all",
    )
    return trainer


def requeued_by_submitit() -> list[SLURMEnvironment]:
    """Lightning's part for a job that srun started, without its own requeue: submitit requeues the job already."""
    return [SLURMEnvironment(auto_requeue=False)] if started_by_srun() else []
