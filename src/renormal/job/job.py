"""One job from a resolved config: data, model, training, test, record."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import torch
from omegaconf import DictConfig

from renormal.boards.dashboard import Dashboard
from renormal.choose.choice import SCHEMA
from renormal.choose.choose import STAGE, Choose
from renormal.data import Source
from renormal.files import shown
from renormal.job.build import (
    INPAINT,
    SAMPLE,
    build_callback,
    build_data,
    build_inpainting,
    build_module,
    build_sampling,
    build_trainer,
    check_energies,
)
from renormal.job.checkpoints import given, load, load_others, resume_from
from renormal.job.environment import keep_freed_memory, precision_of, quieten, sum_alike
from renormal.job.fingerprints import answered, chosen, digest, fingerprints, same_weights, source_of
from renormal.job.loggers import logging_to
from renormal.job.processes import processes, said_by_first, started
from renormal.job.rank import started_elsewhere
from renormal.job.recording import completed, headline, record_of
from renormal.lit.damage_sheet import DamageSheet
from renormal.lit.datamodule import SourceData
from renormal.lit.heartbeat import Heartbeat, say
from renormal.lit.module import AutoencoderModule
from renormal.lit.progress import Progress
from renormal.lit.samples import write_samples
from renormal.lit.training_clock import TrainingClock
from renormal.report.record import write_record

STAGES = ("train", STAGE, "test", INPAINT, SAMPLE)
COLLAPSED = 1.0  # nats of KL below which a posterior says nothing about its image, ours
Tell = Callable[[str, int | None], None]  # the stage, and the epochs finished
log = logging.getLogger("renormal")


def run_job(config: DictConfig, *, line: int = 0, tell: Tell | None = None) -> None:
    """Train, test and leave record.json, or say in one line what is wrong before any of it.

    line: where the job's progress bar stands, for jobs side by side. tell: takes the stage and the epochs finished.
    """
    check_stages(config)
    folder, source = Path(config.folder), source_of(config)
    hashes = fingerprints(config, source, precision_of(config))
    quieten()
    alone = processes(config) == 1 or not started_elsewhere()  # else the others wait for what rank 0 says
    if alone and finished(config, folder, hashes):
        return
    if tell:
        tell("data", None)
    if config.threads:
        torch.set_num_threads(config.threads)
        os.environ["OMP_NUM_THREADS"] = str(config.threads)  # else Lightning divides all cores by the ranks
    keep_freed_memory()
    sum_alike()
    L.seed_everything(config.seed, workers=True, verbose=False)
    bar = Progress(title(config), line=line, enabled=config.progress)
    with started(config):
        perform(config, source, hashes, [bar, *([Heartbeat(tell)] if tell else [])])


def perform(config: DictConfig, source: Source, hashes: dict[str, str], watching: list[L.Callback]) -> None:
    """Build everything, then go through the stages. Each rank does its share of them."""
    folder, seconds = Path(config.folder), dict[str, float]()
    with timed(seconds, "data"):
        data = build_data(config, source)
    module = build_module(config, data, hashes["training"])
    callback, clock = build_callback(config, data, module, folder), TrainingClock()
    check_energies(callback, module)
    choosing = STAGE in config.stages or config.choose.settings
    choice = Choose(config, callback) if choosing else None
    inpainting = build_inpainting(config, callback, data, folder) if INPAINT in config.stages else None
    sampling = build_sampling(config, module, folder) if SAMPLE in config.stages else None
    with logging_to(config, folder, hashes) as loggers:
        shows = [Dashboard(callback, **config.dashboard), DamageSheet(folder / "panels", seed=config.seed)]
        own = [callback, clock, *shows, *watching]
        trainer = build_trainer(config, folder, own, loggers)
        trainer.strategy.setup_environment()  # the ranks meet
        if said_by_first(trainer, lambda: trainer.world_size > 1 and finished(config, folder, hashes)):
            return
        if "train" in config.stages:
            with timed(seconds, "train"):
                train(config, trainer, module, data, hashes)
            warn_of_collapse(clock)
        else:
            hashes["training"] = load(module, clock, config, folder, hashes["training"])
            callback.others = load_others(module, config)
        if STAGE in config.stages and choice:
            with timed(seconds, STAGE):
                choice.run(trainer, module, data, folder, facts_of(config, source, hashes))
        if "test" in config.stages:
            with timed(seconds, "test"):
                trainer.test(module, datamodule=data, verbose=False)
        if inpainting:
            with timed(seconds, INPAINT):
                inpainting.run(trainer, module, data, partial(say, trainer, INPAINT))
        if sampling and trainer.is_global_zero:
            with timed(seconds, SAMPLE):
                sampling.run(trainer, module, data, partial(say, trainer, SAMPLE))
        if {"test", INPAINT, SAMPLE} & set(config.stages) and trainer.is_global_zero:
            write_samples(folder, callback.rows)
            record = record_of(config, data, trainer, callback, clock, seconds, hashes, choice)
            record = completed(record, inpainting, sampling)
            write_record(folder, record)
            log.info("%s: %s in %.0f s", shown(folder), headline(record), sum(seconds.values()))


def train(
    config: DictConfig, trainer: L.Trainer, module: AutoencoderModule, data: SourceData, hashes: dict[str, str]
) -> None:
    """From the start or from the last checkpoint; what was found in the folder is for rank 0 to judge."""
    module.check(trainer)
    ckpt_path = said_by_first(trainer, lambda: resume_from(config, Path(config.folder), hashes))
    try:
        trainer.fit(module, datamodule=data, ckpt_path=ckpt_path, weights_only=True)
    except SystemExit:  # Lightning's answer to Ctrl-C, ours to SIGTERM
        log.warning("interrupted: the same command goes on after %d epochs", trainer.current_epoch)
        raise


def facts_of(config: DictConfig, source: Source, hashes: dict[str, str]) -> dict[str, Any]:
    """What a choice of settings answers to. held_out: no weight has seen the images that defects are planted on."""
    own = fingerprints(config, source, precision_of(config))["training"]
    return {
        "schema": SCHEMA,
        "model": config.model.name,
        "category": source.name,
        "seed": config.seed,
        "held_out": bool(source.spare) and same_weights(hashes["training"], own),
        "hashes": {"training": hashes["training"], STAGE: digest(chosen(config, source))},
    }


def title(config: DictConfig) -> str:
    return f"{config.model.name}/{config.data.category}/{config.seed}"


def finished(config: DictConfig, folder: Path, hashes: dict[str, str]) -> bool:
    """Whether nothing is left to do, in a line of the log."""
    if answered(config, folder, hashes):
        log.info("%s already has the record of this config (rerun=true repeats it)", shown(folder))
        return True
    if (folder / "record.json").is_file() and not config.rerun:
        log.warning("%s holds the record of another config and will be replaced: name=... keeps both", shown(folder))
    return False


def check_stages(config: DictConfig) -> None:
    if isinstance(config.stages, str):
        raise ValueError(f"stages is a list: write stages=[{config.stages}]")
    if unknown := set(config.stages) - set(STAGES):
        raise ValueError(f"stages has {sorted(unknown)}, it may hold {', '.join(STAGES[:-1])} and {STAGES[-1]}")
    if config.checkpoint and "train" in config.stages:
        raise ValueError("checkpoint= is for testing weights that exist: add stages=[test], or leave it out to train")
    if STAGE in config.stages and len(given(config)) > 1:
        raise ValueError("settings are chosen for one autoencoder: give one checkpoint, or leave choose out")


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start


def warn_of_collapse(clock: TrainingClock) -> None:
    kl = clock.losses.get("train/kl")
    if kl is not None and kl < COLLAPSED:
        log.warning("the posterior has collapsed (KL %.2g nats): f(x) is nearly the same image for every x", kl)
