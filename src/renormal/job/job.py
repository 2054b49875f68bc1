"""One job from a resolved config: data, model, stages, record."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig

from renormal.boards.dashboard import Dashboard
from renormal.choose.choose import chosen_before
from renormal.console.program import said_if_slow
from renormal.data import Source
from renormal.data.looks import shapes_of
from renormal.files import RECORD, shown
from renormal.functional.precision import exact_float32
from renormal.job.build import build_columns, build_data, build_module, build_trainer
from renormal.job.checkpoints import check_files, load, restore
from renormal.job.checks import check_columns, check_devices, check_names_in, check_stages, check_trainer
from renormal.job.continued import weaker_threshold
from renormal.job.digests import same_weights
from renormal.job.environment import (
    filter_messages,
    make_sums_reproducible,
    precision_of,
    reuse_freed_memory,
    warn_of_emulation,
)
from renormal.job.examined import examined
from renormal.job.file_contents import check_unchanged
from renormal.job.fingerprints import ASKED, fingerprints, has_record, images_before, source_of, weights_before
from renormal.job.loggers import check_loggers, log_objective, logging_to
from renormal.job.memory import check_threads
from renormal.job.named_code import check_named_code
from renormal.job.objective import check_number, check_objective, number_of, objective_of, returned
from renormal.job.other_config import replace_record
from renormal.job.planned import change_since
from renormal.job.processes import other_ranks, process_count
from renormal.job.rank import started_elsewhere
from renormal.job.recording import headline, record_of
from renormal.job.replaced import replaced
from renormal.job.settings import check_settings
from renormal.job.stages import Watchers, build_stages
from renormal.job.tiling import with_directions
from renormal.job.trained_on import write_trained_on
from renormal.job.tried_network import check_network
from renormal.lit.columns import Columns
from renormal.lit.damage_sheet import DamageSheet
from renormal.lit.gathering import first_rank_decides
from renormal.lit.held_out import held_out_loss
from renormal.lit.progress import Progress
from renormal.lit.samples import write_samples
from renormal.lit.stage import TRAIN, Work
from renormal.lit.state_report import StateReport
from renormal.lit.training_clock import TrainingClock
from renormal.lit.training_length import TrainingLength
from renormal.lit.weights import digest_of_weights
from renormal.report.record import Record, read_record

Report = Callable[[str, int | None], None]  # (stage, finished epochs); None: the number does not change
log = logging.getLogger("renormal")


def run_job(
    config: DictConfig, *, line: int = 0, report: Report | None = None, planned: Mapping[str, Any] | None = None
) -> float | None:
    """Run the stages, write record.json and return the objective.

    Raises ValueError before any work if the config is wrong. line: of the screen, for the progress bar; jobs that run
    at the same time have one line each. report: called by the first rank. planned: what the sweep of this job has
    planned; if something else would run, ValueError names it.
    """
    check_settings(config, resolved=True)
    check_trainer(config)
    check_stages(config)
    check_objective(config)
    check_named_code(config)
    columns = build_columns(config)
    check_names_in(config, columns)  # before the images are listed
    folder = Path(config.folder)
    if not (folder / RECORD).is_file():  # a job that is done needs no device and no logger
        check_devices(config)
        check_loggers(config)
        check_files(config)
    with said_if_slow("listing the images and their masks"):
        source = source_of(config)
    config, source, remarks = with_directions(config, source)
    if planned and (change := change_since(planned, config, source)):
        if not planned["done"]:
            raise ValueError(change)
        log.info("%s", change)
        return None
    with said_if_slow(f"{source.name}: taking digests of {len(source.items)} images and their masks"):
        hashes = fingerprints(config, source, precision_of(config))
    filter_messages()
    alone = process_count(config) == 1 or not started_elsewhere()  # otherwise the first rank decides, in `perform`
    if alone and finished(config, source, hashes):
        return returned(config, read_record(folder / RECORD))
    check_devices(config)
    check_loggers(config)
    check_threads(config)
    for remark in (source.summary, *source.remarks, *remarks):
        log.info("%s", remark)
    for warning in (*source.warnings, *weaker_threshold(config, source)):
        log.warning("%s", warning)
    if report:
        report("data", None)
    if config.threads:
        torch.set_num_threads(config.threads)
        os.environ["OMP_NUM_THREADS"] = str(config.threads)  # otherwise Lightning divides all cores by the ranks
    warn_of_emulation(config)
    reuse_freed_memory()
    make_sums_reproducible()
    L.seed_everything(config.seed, workers=True, verbose=False)
    bar = Progress(f"{config.model.name}/{config.data.category}/{config.seed}", line=line, enabled=config.progress)
    with other_ranks(config), exact_float32(), bar.lines():
        reports = [StateReport(report)] if report else []
        return returned(config, perform(config, source, hashes, columns, bar, reports))


def perform(
    config: DictConfig,
    source: Source,
    hashes: dict[str, str],
    columns: Columns,
    bar: Progress,
    callbacks: Sequence[L.Callback] = (),
) -> Record | None:
    """Build and check everything, then run the stages in their order. The first rank returns the record."""
    folder, seconds = Path(config.folder), dict[str, float]()
    columns, found = chosen_before(config, columns)
    known = images_before(config)
    length = TrainingLength(minutes=config.minutes, patience=config.patience, before=known.get("images_before") or 0.0)
    watchers = Watchers(length, TrainingClock(), bar, Dashboard(**config.dashboard))
    stages = build_stages(config, source, columns, watchers)
    bar.begin("data")
    with timed(seconds, "data"):
        data = build_data(config, source)
        check_unchanged(source, hashes["data"])
        examination = examined(config, source, data.bits) | {"shapes": shapes_of(source)}
    with said_if_slow("building the network"):
        module = build_module(config, data, hashes["training"])
    check_network(config, module, data)
    check_columns(config, columns, module, data)
    for stage in stages:
        stage.check(module, data)
    check_number(config, [name for stage in stages for name in stage.numbers(module, data)])
    with logging_to(config, folder, hashes) as loggers:
        own = [*watchers, DamageSheet(folder / "panels", seed=config.seed), *callbacks]
        trainer = build_trainer(config, folder, own, loggers)
        trainer.strategy.setup_environment()  # connects the ranks
        if first_rank_decides(trainer, lambda: trainer.world_size > 1 and finished(config, source, hashes)):
            return read_record(folder / RECORD)
        if TRAIN not in config.stages:
            trained = load(module, watchers.clock, config, folder, hashes["training"])
            asked = {} if same_weights(trained, hashes["training"]) else {ASKED: hashes["training"]}
            hashes = hashes | asked | {"training": trained}
        work = Work(trainer, module, data, hashes["training"])
        for stage in stages:
            bar.begin(stage.name)
            with timed(seconds, stage.name), in_a_line(stage.name):
                found |= stage.run(work, found)
        if not trainer.is_global_zero:
            return None
        before = weights_before(config)
        hashes = hashes | {"weights": digest_of_weights(module.state_dict())} | ({"continue": before} if before else {})
        training = length.report() | watchers.clock.report() | held_out_loss(work) | known
        record = record_of(config, work, found, training, seconds, hashes, examination)
        if any(stage.recorded for stage in stages):
            write_samples(folder, found.rows)
            replace_record(folder, record, rerun=config.rerun)
            log.info("%s: done in %.0f s: %s", shown(folder), sum(seconds.values()), headline(found))
        log_objective(loggers, number_of(record, objective_of(config)))
        return record


def finished(config: DictConfig, source: Source, hashes: dict[str, str]) -> bool:
    """Whether the folder has the record of this config. Logs that, and what becomes of the record of another config.

    The weights of the record are taken back if a training of another config has put them aside and did not end.
    """
    folder = Path(config.folder)
    if has_record(config, folder, hashes):
        log.info("%s already has the record of this config (rerun=true repeats it)", shown(folder))
        if TRAIN in config.stages and restore(config, folder, hashes["training"]):
            write_trained_on(folder, source, config["continue"])
        return True
    if line := replaced(config, folder, hashes):
        log.warning("%s", line)
    return False


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start


@contextmanager
def in_a_line(stage: str) -> Iterator[None]:
    """Raise ValueError, which is one line, for a setting of the trainer that Lightning refuses in the block.

    After a signal a line says how the job goes on. The training has its own, with its epochs.
    """
    try:
        yield
    except SystemExit:
        if stage != TRAIN:
            log.warning(
                "interrupted: the same command begins the stage %s again, with the weights that are there", stage
            )
        raise
    except MisconfigurationException as error:
        raise ValueError(f"trainer: {error}") from error
