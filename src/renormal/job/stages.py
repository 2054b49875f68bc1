"""The stages train and test, and the list of all stages of a config."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import nn

from renormal.boards.dashboard import Dashboard
from renormal.choose.choice import SCHEMA
from renormal.choose.choose import Choose, in_parts
from renormal.choose.planted_set import planted_set
from renormal.contracts import CHOSEN, Autoencoder, Batch
from renormal.data import Source
from renormal.data.source import GOOD
from renormal.files import shown
from renormal.functional.tiles import cut
from renormal.job.checkpoints import (
    amount_saved,
    begin_from,
    checkpoint_of,
    fingerprints_of_others,
    load_others,
    resume_from,
)
from renormal.job.checks import check_share
from renormal.job.digests import in_full, same_images, same_weights
from renormal.job.environment import precision_of
from renormal.job.file_contents import contents
from renormal.job.fingerprints import chosen, fingerprints
from renormal.job.memory import check_step
from renormal.job.processes import process_count
from renormal.job.resume import continued
from renormal.job.trained_on import seen_by, write_trained_on
from renormal.lit.columns import Columns
from renormal.lit.datamodule import SourceData
from renormal.lit.drawing import Drawing
from renormal.lit.gathering import first_rank_decides
from renormal.lit.inpaint import Inpaint
from renormal.lit.module import AutoencoderModule
from renormal.lit.normal_maps import Counting
from renormal.lit.progress import Progress
from renormal.lit.projection_callback import ProjectionCallback
from renormal.lit.sample import Sample
from renormal.lit.scoring import Scoring
from renormal.lit.stage import CHOOSE, INPAINT, SAMPLE, STAGES, TEST, TRAIN, Found, Stage, Work, callbacks_of
from renormal.lit.training_clock import TrainingClock
from renormal.lit.training_length import ENOUGH, TrainingLength
from renormal.lit.variety import SAME, learned_nothing
from renormal.metrics.column import ColumnMetrics

FEW = 6  # drawn defects, ours: the AUROC of fewer depends on where they were drawn
TOO_FEW = "test.planted=%s: so few drawn defects say little about which column is better; the default is 24"
COLLAPSED = 1.0  # nats: with less KL the posterior holds no information about its image, ours
CUT_SHORT = (
    "the training ended after {}, which trainer.max_time may ask for: leave that out to train whole, "
    "or test these weights with stages=[test] checkpoint={}"
)
MAY_BE_CUT = (
    "trainer.max_time=%s may end this training before its %s epochs: the job then ends without a test, "
    "and its last line says how these weights are tested"
)
log = logging.getLogger("renormal")


class Watchers(NamedTuple):
    """Callbacks of the whole job: length of the training, clock, progress bar and dashboard."""

    length: TrainingLength
    clock: TrainingClock
    bar: Progress
    dashboard: Dashboard


def build_stages(config: DictConfig, source: Source, columns: Columns, watchers: Watchers) -> list[Stage]:
    """The stages of the config, in their order."""
    folder = Path(config.folder)
    builders: dict[str, Callable[[], Stage]] = {
        TRAIN: lambda: Train(config, watchers.length, watchers.clock),
        CHOOSE: lambda: Choose(config, columns, partial(facts_of, config, source), watchers.bar),
        TEST: lambda: Test(config, columns, watchers),
        INPAINT: lambda: Inpaint(
            columns.projections, **instantiate(config.inpaint, _convert_="all"), folder=folder / "panels"
        ),
        SAMPLE: lambda: Sample(
            **instantiate(config.sample, _convert_="all"),
            weights=folder / "checkpoints" / "second_stage.pt",
            sheet=folder / "panels" / "samples.png",
        ),
    }
    return [builders[name]() for name in STAGES if name in config.stages]


class Train(Stage):
    """Trains from the start, or from the last checkpoint of an interrupted training of the same config."""

    name, recorded = TRAIN, False

    def __init__(self, config: DictConfig, length: TrainingLength, clock: TrainingClock) -> None:
        self.config, self.length, self.clock = config, length, clock

    def check(self, module: AutoencoderModule, data: SourceData) -> None:
        """The optimizer of each player takes its settings, and every epoch has a batch, which fits into the memory."""
        batches = int(self.config.data.epoch_images) // (int(self.config.batch_size) * process_count(self.config))
        for key in ("limit_train_batches", "overfit_batches"):
            check_share(self.config, key, max(1, batches), "an epoch")
        if self.length.limits and not module.automatic_optimization:
            raise ValueError("minutes= and patience= are for a network with one loss: give trainer.max_epochs alone")
        given = module.optimizer_factory
        for make in given.values() if isinstance(given, Mapping) else (given,):
            try:
                make([nn.Parameter(torch.zeros(1))])
            except TypeError as error:
                raise ValueError(f"model.optimizer: {error}") from error
        check_step(self.config, module, data)

    def run(self, work: Work, found: Found) -> Found:
        """Fit. The first rank finds the checkpoint for all ranks."""
        trainer, module, data, fingerprint = work
        module.check(trainer)
        find = partial(resume_from, self.config, Path(self.config.folder), fingerprint)
        ckpt_path = first_rank_decides(trainer, find)
        if ckpt_path is None and self.config["continue"] is not None:
            begin_from(module, self.config)
        if self.config.trainer.get("max_time"):
            log.info(MAY_BE_CUT, self.config.trainer.max_time, self.config.trainer.max_epochs)
        if trainer.is_global_zero:
            write_trained_on(Path(self.config.folder), data.source, self.config["continue"])
        try:
            with continued(ckpt_path, trainer, module, self.length, self.clock):
                trainer.fit(module, datamodule=data, ckpt_path=ckpt_path, weights_only=True)
        except SystemExit as end:  # after Ctrl-C or SIGTERM
            folder = Path(self.config.folder)
            saved = amount_saved(self.config, folder)
            log.warning("interrupted: the same command goes on after %s of %s", saved, shown(folder))
            raise SystemExit(end.code or 128 + signal.SIGTERM) from end  # Lightning has no status for it
        if lack := self.clock.lack(trainer):
            raise ValueError(CUT_SHORT.format(lack, shown(checkpoint_of(Path(self.config.folder)))))
        kl = self.clock.losses.get("train/kl")
        if kl is not None and kl < COLLAPSED:
            log.warning("the posterior has collapsed (KL %.2g nats): f(x) is nearly the same image for every x", kl)
        elif trainer.is_global_zero and self.clock.images >= ENOUGH and learned_nothing(module.model, data):
            log.warning(SAME, module.rates)
        return Found()


class Test(Stage):
    """Projects and scores the test set: with the projections of the config and the chosen one."""

    name = TEST

    def __init__(self, config: DictConfig, columns: Columns, watchers: Watchers) -> None:
        self.config, self.columns, self.watchers = config, columns, watchers

    def check(self, module: AutoencoderModule, data: SourceData) -> None:
        """trainer.limit_test_batches leaves every rank a batch."""
        processes = process_count(self.config)
        own = len(data.source.test) // processes  # images of the rank that has the fewest
        check_share(self.config, "limit_test_batches", max(1, -(-own // data.test_images)), "the test")

    def numbers(self, module: AutoencoderModule, data: SourceData) -> list[str]:
        columns = [*self.columns.ends(reconstructs=isinstance(module.model, Autoencoder))]
        columns += [CHOSEN] * (CHOOSE in self.config.stages or bool(self.config.choose.settings))
        defects = sorted({item.defect for item in data.source.test} - {GOOD})
        nouns = ColumnMetrics.numbers(self.config.test.aupro_limits, defects)
        return [f"{column}/{noun}" for noun in nouns for column in dict.fromkeys(columns)]

    def run(self, work: Work, found: Found) -> Found:
        """Test. The projection callback comes before the dashboard, which shows its results."""
        columns, settings = self.columns, self.config.test
        if found.chosen is not None:
            columns = columns.added(CHOSEN, *found.chosen)
        callback = ProjectionCallback(
            columns,
            scoring=Scoring(settings.stride, settings.average),
            curves=list(settings.curves),
            flips=settings.flips,
            others=load_others(work.module, self.config),
            drawing=Drawing(
                folder=Path(self.config.folder),
                panels=settings.panels,
                projections=settings.drawn and list(settings.drawn),
                limit=settings.limit,
                path=list(settings.path),
                watch=self.watchers.dashboard.keep_panel,
            ),
            progress=self.watchers.bar,
            counting=Counting(
                normal_images=settings.normal_images,
                false_alarms=settings.false_alarms,
                area=settings.area,
                aupro_limits=list(settings.aupro_limits),
                planted=self._planted(work),
                held_out=self._held_out(work),
            ),
        )
        callbacks_of(work.trainer).insert(0, callback)
        work.trainer.test(work.module, datamodule=work.data, verbose=False)
        return callback.found

    def _held_out(self, work: Work) -> bool:
        """Whether no network was trained on the good images that this config keeps from training."""
        source = work.data.source
        own = fingerprints(self.config, source, precision_of(self.config))["training"]
        trained = (work.fingerprint, *fingerprints_of_others(self.config))
        known = seen_by(self.config["continue"]) is not None  # what the network was trained on before
        return known and bool(source.apart or source.spare) and all(same_images(one, own) for one in trained)

    def _planted(self, work: Work) -> list[Batch]:
        """test.planted defects on good images, in batches of the test's size. None for a model without f(x0)."""
        count, data = self.config.test.planted, work.data
        if not count or not isinstance(work.module.model, Autoencoder):
            return []
        if count < FEW and work.trainer.is_global_zero:
            log.warning(TOO_FEW, count)
        pieces = self.config.test.average == "maps"
        family = self.config.choose.get("family")
        samples = planted_set(data, defects=count, seed=self.config.seed, pieces=pieces, family=family)
        each = len(cut(samples.image[:1], data.patch_size, self.config.test.stride))
        return in_parts(samples, max(1, int(self.config.test.samples) // each))


def facts_of(config: DictConfig, source: Source, fingerprint: str) -> dict[str, Any]:
    """The fields of choice.json that name what was chosen for; a choice with other fields is measured again.

    fingerprint: of the training of the weights. held_out: the defects are planted on images that were kept from it.
    """
    own = fingerprints(config, source, precision_of(config))["training"]
    return {
        "schema": SCHEMA,
        "model": config.model.name,
        "category": source.name,
        "seed": config.seed,
        "held_out": bool(source.spare) and same_weights(fingerprint, own) and seen_by(config["continue"]) is not None,
        "hashes": {"training": fingerprint, CHOOSE: in_full(chosen(config, source), contents(source, source.spare))},
    }
