"""Stages of a job: their names, what they are given and what they return."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import lightning as L

from renormal.contracts import Score
from renormal.lit.datamodule import SourceData
from renormal.lit.module import AutoencoderModule
from renormal.lit.samples import Row
from renormal.projection import Descent

TRAIN, CHOOSE, TEST, INPAINT, SAMPLE = "train", "choose", "test", "inpaint", "sample"
STAGES = (TRAIN, CHOOSE, TEST, INPAINT, SAMPLE)  # in the order in which they run


class Work(NamedTuple):
    """What every stage is given. fingerprint: of the training that the module's weights come from."""

    trainer: L.Trainer
    module: AutoencoderModule
    data: SourceData
    fingerprint: str = ""


class Column(NamedTuple):
    """A projection with a score of its own."""

    descent: Descent
    score: Score


@dataclass(frozen=True, kw_only=True)
class Found:
    """What stages return: fields of the record under its names, rows of samples.csv, and the chosen column."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    undefined: Mapping[str, str] = field(default_factory=dict)
    maps: Mapping[str, dict[str, float]] = field(default_factory=dict)
    projections: Mapping[str, dict[str, float | None]] = field(default_factory=dict)
    curves: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    choice: Mapping[str, Any] = field(default_factory=dict)
    inspection: Mapping[str, Any] = field(default_factory=dict)
    panels: Sequence[dict[str, str]] = ()
    rows: Sequence[Row] = ()
    chosen: Column | None = None

    def __or__(self, later: Found) -> Found:
        """Both together. A projection that is in both has the values of both; `later` wins."""
        names = {**self.projections, **later.projections}
        return Found(
            metrics={**self.metrics, **later.metrics},
            undefined={**self.undefined, **later.undefined},
            maps={**self.maps, **later.maps},
            projections={name: self.projections.get(name, {}) | later.projections.get(name, {}) for name in names},
            curves={**self.curves, **later.curves},
            choice=later.choice or self.choice,
            inspection=later.inspection or self.inspection,
            panels=[*self.panels, *later.panels],
            rows=[*self.rows, *later.rows],
            chosen=later.chosen or self.chosen,
        )


class Stage(ABC):
    """A part of a job. recorded: whether a job with this stage writes a record."""

    name: ClassVar[str]
    recorded: ClassVar[bool] = True

    def check(self, module: AutoencoderModule, data: SourceData) -> None:  # noqa: B027 most have nothing of their own
        """Raise ValueError for what would fail in `run`. All stages are checked before the first one runs."""

    def numbers(self, module: AutoencoderModule, data: SourceData) -> list[str]:
        """The names of the metrics that `run` may return. Known before any work."""
        return []

    @abstractmethod
    def run(self, work: Work, found: Found) -> Found:
        """Run on every rank. found: what the earlier stages returned."""


@contextmanager
def frozen(work: Work) -> Iterator[None]:
    """During the block the module is on its device, in eval mode, and its weights get no gradients."""
    module, training = work.module, work.module.training
    module.to(work.trainer.strategy.root_device).eval().requires_grad_(False)
    yield
    module.requires_grad_(True).train(training)


def work_of(trainer: L.Trainer, module: L.LightningModule) -> Work:
    """Trainer, module and data of a callback. Raises TypeError for other classes of module or data."""
    data = trainer.datamodule  # type: ignore[attr-defined]
    if not isinstance(data, SourceData) or not isinstance(module, AutoencoderModule):
        raise TypeError(f"an AutoencoderModule on SourceData is needed, got {type(module)} on {type(data)}")
    return Work(trainer, module, data)


def callbacks_of(trainer: L.Trainer) -> list[L.Callback]:
    """The trainer's list itself, in the order in which Lightning calls them."""
    callbacks: list[L.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return callbacks
