"""The autoencoders whose maps are averaged, and the views of each image that they score."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import lightning as L
import torch

from renormal.contracts import Images, Maps, Score
from renormal.data import Source
from renormal.functional.views import View, views
from renormal.lit.datamodule import SourceData
from renormal.lit.scoring import Scoring
from renormal.lit.thresholds import NormalLosses, fitted, with_thresholds
from renormal.projection import Descent, Settled

UNTURNED = (
    "test.flips=true changes nothing on %s, whose augmentation has no mirror and no quarter turn: if a mirrored "
    "image of your own is still good, add data.augmentation.mirror_x=true"
)
log = logging.getLogger("renormal")

Answer = dict[str, tuple[Images, Maps]]  # column → its images, f(x0) or x_N, and their maps


@dataclass(frozen=True)
class Prepared:
    """A frozen autoencoder with its descents and scores, whose thresholds and scales come from normal images.

    shrink: it sees images of 1/shrink of the side, as one of `data.shrink`.
    """

    model: Any
    device: torch.device
    descents: Mapping[str, Settled]
    scores: Mapping[str, Score]  # by column
    shrink: int = 1


def prepared(
    models: Sequence[Any],
    projections: Mapping[str, Descent],
    scores: Mapping[str, Score],
    trainer: L.Trainer,
    data: SourceData,
    *,
    scoring: Scoring,
    samples: int,
) -> list[Prepared]:
    """Freeze each model, move it to the device, and measure its thresholds, at each size at which it sees an image.

    scores: by column. samples: of the test.
    """
    device, networks = trainer.strategy.root_device, []
    for model, shrink in product(models, data.shrink):
        model.to(device).eval().requires_grad_(False)
        ready = partial(fitted, data=data, model=model, device=device, scoring=scoring, shrink=shrink)
        once = {id(score): ready(score) for score in scores.values()}  # columns share scores
        own = {name: once[id(score)] for name, score in scores.items()}
        descents = with_thresholds(projections, NormalLosses(trainer, data, model, samples, shrink))
        networks.append(Prepared(model, device, descents, own, shrink))
    return networks


def views_of(source: Source, *, flips: bool) -> list[View]:
    """The image itself; with flips, also every mirror and quarter turn after which a good image is still good."""
    if not flips:
        return [View()]
    moves = source.augmentation
    found = views(mirror_x=moves.mirror_x, mirror_y=moves.mirror_y, rotate=moves.rotate)
    if len(found) == 1:
        log.warning(UNTURNED, source.name)
    return found


def averaged(answers: Iterable[Answer]) -> Answer:
    """The images of the first answer with the mean of all maps. Keeps one further answer in memory at a time."""
    every = iter(answers)
    first, count = next(every), 1
    sums = {name: maps for name, (_, maps) in first.items()}
    for answer in every:
        sums, count = {name: total + answer[name][1] for name, total in sums.items()}, count + 1
    return {name: (end, sums[name] / count) for name, (end, _) in first.items()}
