"""One job from a resolved config: data, model, training, test, record."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lightning as L
import torch
from hydra.utils import instantiate
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from omegaconf import DictConfig, OmegaConf

from renormal.data import Source
from renormal.functional.tiles import tiles
from renormal.lit.datamodule import SourceData
from renormal.lit.module import AutoencoderModule
from renormal.lit.progress import Progress
from renormal.lit.projection_callback import ProjectionCallback
from renormal.lit.termination import EndAtOnce
from renormal.lit.training_clock import TrainingClock
from renormal.machine import commit, device_name, keep_freed_memory, precision_of, quieten, versions
from renormal.ranks import processes, said_by_first, started, started_elsewhere
from renormal.recipe import answers, fingerprints
from renormal.report.record import Record, read_record, write_record
from renormal.weights import load, resume_from

STAGES = ("train", "test")
COLLAPSED = 1.0  # nats of KL below which a posterior says nothing about its image, ours
log = logging.getLogger("renormal")


def run_job(config: DictConfig, *, line: int = 0) -> None:
    """Train, test and leave record.json, or say in one line what is wrong before any of it.

    line: where the job's progress bar stands, for jobs side by side.
    """
    check_stages(config)
    folder, source = Path(config.folder), instantiate(config.data.source, _convert_="all")
    hashes = fingerprints(config, source)
    quieten()
    alone = processes(config) == 1 or not started_elsewhere()  # else the others wait for what rank 0 says
    if alone and answered(config, folder, hashes):
        return
    if config.threads:
        torch.set_num_threads(config.threads)
        os.environ["OMP_NUM_THREADS"] = str(config.threads)  # else Lightning divides all cores by the ranks
    keep_freed_memory()
    L.seed_everything(config.seed, workers=True, verbose=False)
    with started(config):
        perform(config, folder, source, hashes, line=line, judged=alone)


def perform(config: DictConfig, folder: Path, source: Source, hashes: dict[str, str], line: int, judged: bool) -> None:
    """The stages. Each rank does its share of them; what was found in the folder is for rank 0 to judge."""
    seconds: dict[str, float] = {}
    with timed(seconds, "data"):
        data = build_data(config, source)
    module = build_module(config, data, hashes["training"])
    callback, clock = build_callback(config, data, folder), TrainingClock()
    trainer = build_trainer(config, folder, [callback, clock], line)
    trainer.strategy.setup_environment()  # the ranks meet
    if said_by_first(trainer, lambda: not judged and answered(config, folder, hashes)):
        return
    if "train" in config.stages:
        with timed(seconds, "train"):
            ckpt_path = said_by_first(trainer, lambda: resume_from(config, folder, hashes))
            try:
                trainer.fit(module, datamodule=data, ckpt_path=ckpt_path, weights_only=True)
            except SystemExit:  # Lightning's answer to Ctrl-C, ours to SIGTERM
                log.warning("interrupted: the same command goes on after %d epochs", trainer.current_epoch)
                raise
        warn_of_collapse(clock)
    else:
        hashes["training"] = load(module, clock, config, folder, hashes["training"])
    if "test" in config.stages:
        with timed(seconds, "test"):
            trainer.test(module, datamodule=data, verbose=False)
        if trainer.is_global_zero:
            write_record(folder, record_of(config, data, trainer, callback, clock, seconds, hashes))
            log.info("%s: pixel AUROC %s in %.0f s", folder, headline(callback.metrics), sum(seconds.values()))


def check_stages(config: DictConfig) -> None:
    if isinstance(config.stages, str):
        raise ValueError(f"stages is a list: write stages=[{config.stages}]")
    if unknown := set(config.stages) - set(STAGES):
        raise ValueError(f"stages has {sorted(unknown)}, it may hold {' and '.join(STAGES)}")
    if config.checkpoint and "train" in config.stages:
        raise ValueError("checkpoint= is for testing weights that exist: add stages=[test], or leave it out to train")


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start


def answered(config: DictConfig, folder: Path, hashes: dict[str, str]) -> bool:
    """Whether a record of this very config lies there, and is not to be repeated."""
    path = folder / "record.json"
    if config.rerun or not path.is_file():
        return False
    if answers(read_record(path).hashes, hashes, config):
        log.info("%s already has the record of this config (rerun=true repeats it)", folder)
        return True
    log.warning("%s holds the record of another config and will be replaced: name=... keeps both", folder)
    return False


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
        panels=config.test.panels,
        limit=config.test.limit,
        folder=folder,
    )
    nothing = torch.zeros(1, data.channels, data.patch_size, data.patch_size)
    score(None, nothing, nothing)
    return callback


def build_trainer(config: DictConfig, folder: Path, own: list[L.Callback], line: int) -> L.Trainer:
    """Lightning's trainer, with the last checkpoint kept after each epoch."""
    logger = instantiate(config.logger)
    title = f"{config.model.name}/{config.data.category}/{config.seed}"
    callbacks = [
        *own,
        Progress(title, line=line, enabled=config.progress),
        EndAtOnce(),
        ModelCheckpoint(dirpath=folder / "checkpoints", filename="last", save_top_k=1, enable_version_counter=False),
        *([LearningRateMonitor(logging_interval="epoch")] if logger else []),
    ]
    settings = OmegaConf.merge(config.trainer, {"precision": precision_of(config)})
    trainer: L.Trainer = instantiate(
        settings, callbacks=callbacks, logger=logger or False, default_root_dir=str(folder), _convert_="all"
    )
    return trainer


def warn_of_collapse(clock: TrainingClock) -> None:
    kl = clock.losses.get("train/kl")
    if kl is not None and kl < COLLAPSED:
        log.warning("the posterior has collapsed (KL %.2g nats): f(x) is nearly the same image for every x", kl)


def record_of(
    config: DictConfig,
    data: SourceData,
    trainer: L.Trainer,
    callback: ProjectionCallback,
    clock: TrainingClock,
    seconds: dict[str, float],
    hashes: dict[str, str],
) -> Record:
    """Everything that the report and a reader a year later will ask for."""
    resolved = OmegaConf.to_container(config, resolve=True)
    assert isinstance(resolved, dict)
    good = data.test.defects.count("good")
    return Record(
        name=config.name,
        model=config.model.name,
        category=data.source.name,
        kind=data.source.kind,
        seed=config.seed,
        metrics=callback.metrics,
        projections=callback.reports,
        seconds=seconds,
        training=clock.report(),
        data={
            "train_images": len(data.training),
            "test_good": good,
            "test_defective": len(data.test.defects) - good,
            "size": data.size,
            "channels": data.channels,
            "note": config.data.notes.get(data.source.name, ""),
        },
        device={
            "name": device_name(trainer.strategy.root_device),
            "threads": torch.get_num_threads(),
            "precision": precision_of(config),
            "count": trainer.world_size,
        },
        versions=versions(),
        commit=commit(),
        config={str(key): value for key, value in resolved.items()},
        hashes=hashes,
        curves={name: curve.values() for name, curve in callback.curves.items()},
        panels=callback.panels,
    )


def headline(metrics: dict[str, float]) -> str:
    """Each method's pixel AUROC in a line."""
    values = {key.split("/")[0]: value for key, value in metrics.items() if key.endswith("/pixel_auroc")}
    return ", ".join(f"{name} {value:.3f}" for name, value in values.items()) or "undefined, no masks"
