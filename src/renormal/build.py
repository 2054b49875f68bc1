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
from renormal.lit.datamodule import SourceData
from renormal.lit.module import AutoencoderModule
from renormal.lit.projection_callback import ProjectionCallback
from renormal.lit.termination import EndAtOnce
from renormal.lit.whole_file import WholeFile
from renormal.machine import precision_of


def build_data(config: DictConfig, source: Source) -> SourceData:
    """Every image decoded, so that a bad file ends the run here."""
    data = SourceData(
        source,
        texture_size=config.data.texture_size,
        object_size=config.data.object_size,
        patch_size=config.data.patch_size,
        channels=config.data.channels,
        batch_size=config.batch_size,
        epoch_images=config.data.epoch_images,
        test_images=images_at_once(config, source.kind),
        seed=config.seed,
    )
    if data.training.nbytes and "test" in config.stages:
        _ = data.test
    return data


def images_at_once(config: DictConfig, kind: str) -> int:
    """Whole test images whose tiles together make up test.samples."""
    samples = int(config.test.samples)
    if samples < 1:
        raise ValueError(f"test.samples must be at least 1, got {samples}")
    if kind != "texture":
        return samples
    side, tile, stride = config.data.texture_size, config.data.patch_size, config.test.stride
    if not 0 < stride <= tile <= side:
        sizes = f"test.stride={stride}, data.patch_size={tile}, data.texture_size={side}"
        raise ValueError(f"textures need 0 < test.stride <= data.patch_size <= data.texture_size, got {sizes}")
    return max(1, samples // tiles(side, tile, stride))


def build_module(config: DictConfig, data: SourceData, training_hash: str) -> AutoencoderModule:
    """The autoencoder with its optimizer, channels last."""
    net = instantiate(config.model.net, channels=data.channels, size=data.patch_size, _convert_="all")
    optimizer = instantiate(config.model.optimizer, _convert_="all")
    scheduler = instantiate(config.model.scheduler, _convert_="all")
    module = AutoencoderModule(
        net, optimizer=optimizer, scheduler=scheduler, seed=config.seed, fingerprint=training_hash
    )
    return module.to(memory_format=torch.channels_last)


def build_callback(config: DictConfig, data: SourceData, folder: Path) -> ProjectionCallback:
    """Every projection of the config beside the baseline; what could only fail at test time is tried here."""
    score = instantiate(config.score, _convert_="all")
    callback = ProjectionCallback(
        instantiate(config.projections, _convert_="all"),
        score=score,
        stride=config.test.stride,
        average=config.test.average,
        curves=list(config.test.curves),
        path=list(config.test.path),
        panels=config.test.panels,
        limit=config.test.limit,
        folder=folder,
    )
    nothing = torch.zeros(1, data.channels, data.patch_size, data.patch_size)
    score(None, nothing, nothing)
    return callback


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
    """Inside SLURM: Lightning leaves the queue to submitit, two requeues of one job would race."""
    return [SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else []
