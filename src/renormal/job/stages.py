"""The stages of a job: train and test, and the list of all that a config asks for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from hydra.utils import instantiate
from omegaconf import DictConfig

from renormal.boards.dashboard import Dashboard
from renormal.choose.choice import SCHEMA
from renormal.choose.choose import Choose
from renormal.contracts import CHOSEN
from renormal.data import Source
from renormal.job.checkpoints import load_others, resume_from
from renormal.job.environment import precision_of
from renormal.job.fingerprints import chosen, digest, fingerprints, same_weights
from renormal.job.processes import first_rank_decides
from renormal.lit.columns import Columns
from renormal.lit.drawing import Drawing
from renormal.lit.inpaint import Inpaint
from renormal.lit.progress import Progress
from renormal.lit.projection_callback import ProjectionCallback
from renormal.lit.sample import Sample
from renormal.lit.scoring import Scoring
from renormal.lit.stage import CHOOSE, INPAINT, SAMPLE, STAGES, TEST, TRAIN, Found, Stage, Work, callbacks_of
from renormal.lit.training_clock import TrainingClock

COLLAPSED = 1.0  # nats of KL below which a posterior says nothing about its image, ours
log = logging.getLogger("renormal")


class Watchers(NamedTuple):
    """What follows a job from its start to its end."""

    clock: TrainingClock
    bar: Progress
    dashboard: Dashboard


def build_stages(config: DictConfig, source: Source, columns: Columns, watchers: Watchers) -> list[Stage]:
    """The stages that the config asks for, in their order."""
    folder = Path(config.folder)
    builders: dict[str, Callable[[], Stage]] = {
        TRAIN: lambda: Train(config, watchers.clock),
        CHOOSE: lambda: Choose(config, columns, partial(facts_of, config, source)),
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
    """Trains from the start, or on from the last checkpoint of an interrupted training of the same recipe."""

    name, recorded = TRAIN, False

    def __init__(self, config: DictConfig, clock: TrainingClock) -> None:
        self.config, self.clock = config, clock

    def run(self, work: Work, found: Found) -> Found:
        """The first rank decides what to go on from."""
        trainer, module, data, fingerprint = work
        module.check(trainer)
        find = partial(resume_from, self.config, Path(self.config.folder), fingerprint)
        ckpt_path = first_rank_decides(trainer, find)
        try:
            trainer.fit(module, datamodule=data, ckpt_path=ckpt_path, weights_only=True)
        except SystemExit:  # Lightning's answer to Ctrl-C, ours to SIGTERM
            log.warning("interrupted: the same command goes on after %d epochs", trainer.current_epoch)
            raise
        kl = self.clock.losses.get("train/kl")
        if kl is not None and kl < COLLAPSED:
            log.warning("the posterior has collapsed (KL %.2g nats): f(x) is nearly the same image for every x", kl)
        return Found()


class Test(Stage):
    """Projects and scores the test set: the projections of the config, and the one that the stage choose found."""

    name = TEST

    def __init__(self, config: DictConfig, columns: Columns, watchers: Watchers) -> None:
        self.config, self.columns, self.watchers = config, columns, watchers

    def run(self, work: Work, found: Found) -> Found:
        """The callback stands before the dashboard, which shows what it leaves."""
        columns, settings = self.columns, self.config.test
        if found.chosen is not None:
            columns = columns.added(CHOSEN, found.chosen.descent, found.chosen.score)
        callback = ProjectionCallback(
            columns,
            scoring=Scoring(settings.stride, settings.average),
            curves=list(settings.curves),
            flips=settings.flips,
            others=load_others(work.module, self.config),
            drawing=self.drawing(),
            progress=self.watchers.bar,
        )
        callbacks_of(work.trainer).insert(0, callback)
        work.trainer.test(work.module, datamodule=work.data, verbose=False)
        return callback.found

    def drawing(self) -> Drawing:
        settings = self.config.test
        return Drawing(
            folder=Path(self.config.folder),
            panels=settings.panels,
            projections=settings.drawn and list(settings.drawn),
            limit=settings.limit,
            path=list(settings.path),
            watch=self.watchers.dashboard.keep_panel,
        )


def facts_of(config: DictConfig, source: Source, fingerprint: str) -> dict[str, Any]:
    """What a choice of settings answers to. held_out: no weight has seen the images that defects are planted on.

    fingerprint: of the training that the weights come from.
    """
    own = fingerprints(config, source, precision_of(config))["training"]
    return {
        "schema": SCHEMA,
        "model": config.model.name,
        "category": source.name,
        "seed": config.seed,
        "held_out": bool(source.spare) and same_weights(fingerprint, own),
        "hashes": {"training": fingerprint, CHOOSE: digest(chosen(config, source))},
    }
