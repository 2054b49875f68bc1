"""One job from a resolved config: data, model, training, test, record."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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
from renormal.lit.dashboard import Dashboard
from renormal.lit.datamodule import SourceData
from renormal.lit.heartbeat import Heartbeat
from renormal.lit.module import AutoencoderModule
from renormal.lit.progress import Progress
from renormal.lit.projection_callback import ProjectionCallback
from renormal.lit.samples import write_samples
from renormal.lit.training_clock import TrainingClock
from renormal.lit.whole_file import WholeFile
from renormal.loggers import logging_to
from renormal.machine import commit, device_name, keep_freed_memory, precision_of, quieten, versions
from renormal.recipe import answered, fingerprints
from renormal.report.record import Record, write_record
from renormal.weights import load, resume_from

STAGES = ("train", "test")
COLLAPSED = 1.0  # nats of KL below which a posterior says nothing about its image, ours
Tell = Callable[[str, int | None], None]  # the stage, and the epochs finished
log = logging.getLogger("renormal")


def run_job(config: DictConfig, *, line: int = 0, tell: Tell | None = None) -> None:
    """Train, test and leave record.json, or say in one line what is wrong before any of it.

    line: where the job's progress bar stands, for jobs side by side. tell: takes the stage and the epochs finished.
    """
    with ExitStack() as logs:
        run_stages(config, line, logs, tell)


def run_stages(config: DictConfig, line: int, logs: ExitStack, tell: Tell | None) -> None:
    """The job itself. logs: closes what it logs to, and knows whether it failed."""
    check_stages(config)
    folder, source = Path(config.folder), instantiate(config.data.source, _convert_="all")
    hashes = fingerprints(config, source)
    if not config.rerun and answered(folder, hashes):
        log.info("%s already has the record of this config (rerun=true repeats it)", folder)
        return
    if (folder / "record.json").is_file() and not config.rerun:
        log.warning("%s holds the record of another config and will be replaced: name=... keeps both", folder)
    if tell:
        tell("data", None)
    if config.threads:
        torch.set_num_threads(config.threads)
    keep_freed_memory()
    quieten()
    L.seed_everything(config.seed, workers=True, verbose=False)
    seconds: dict[str, float] = {}
    with timed(seconds, "data"):
        data = build_data(config, source)
    module = build_module(config, data, hashes["training"])
    callback, clock = build_callback(config, data, folder), TrainingClock()
    loggers = logs.enter_context(logging_to(config, folder, hashes))
    own = [callback, clock, Dashboard(callback, **config.dashboard), *([Heartbeat(tell)] if tell else [])]
    trainer = build_trainer(config, folder, own, line, loggers)
    if "train" in config.stages:
        with timed(seconds, "train"):
            ckpt_path = resume_from(config, folder, hashes)
            try:
                trainer.fit(module, datamodule=data, ckpt_path=ckpt_path, weights_only=True)
            except SystemExit:  # Lightning's answer to Ctrl-C
                log.warning("interrupted: the same command goes on after %d epochs", trainer.current_epoch)
                raise
        warn_of_collapse(clock)
    else:
        hashes["training"] = load(module, clock, config, folder, hashes["training"])
    if "test" in config.stages:
        with timed(seconds, "test"):
            trainer.test(module, datamodule=data, verbose=False)
        if trainer.is_global_zero:
            write_samples(folder, callback.rows)
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


def build_trainer(
    config: DictConfig, folder: Path, own: list[L.Callback], line: int, loggers: list[Logger]
) -> L.Trainer:
    """Lightning's trainer, with the last checkpoint kept after each epoch."""
    title = f"{config.model.name}/{config.data.category}/{config.seed}"
    callbacks = [
        *own,
        Progress(title, line=line, enabled=config.progress),
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
            "type": trainer.strategy.root_device.type,
            "threads": torch.get_num_threads(),
            "precision": precision_of(config),
        },
        versions=versions(),
        commit=commit(),
        config={str(key): value for key, value in resolved.items()},
        hashes=hashes,
        curves={
            name: {**(callback.curves[name].values() if name in callback.curves else {}), **details}
            for name, details in callback.details.items()
        },
        panels=callback.panels,
    )


def headline(metrics: dict[str, float]) -> str:
    """Each method's pixel AUROC in a line."""
    values = {key.split("/")[0]: value for key, value in metrics.items() if key.endswith("/pixel_auroc")}
    return ", ".join(f"{name} {value:.3f}" for name, value in values.items()) or "undefined, no masks"
