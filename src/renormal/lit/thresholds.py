"""Thresholds and scales of scores from normal images, in the precision and the batch size in which they are used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice, zip_longest
from typing import Any

import lightning as L
import torch
from torch import Tensor

from renormal.contracts import Autoencoder, FittedScore, Images, Score
from renormal.lit.batches import AT_A_TIME, channels_last, in_batches
from renormal.lit.datamodule import SourceData
from renormal.lit.gathering import gathered
from renormal.projection import Descent, reconstruction_losses, settle


def with_thresholds(
    projections: Mapping[str, Descent], trainer: L.Trainer, data: SourceData, model: Autoencoder, *, samples: int
) -> dict[str, Descent]:
    """The descents with everything settled. samples: of the whole test set; no descent has more slots than that."""
    few = channels_last(next(data.normal_images(AT_A_TIME)), trainer.strategy.root_device)
    losses: dict[Any, Tensor] = {}
    descents: dict[str, Descent] = {}
    for name, projection in projections.items():
        descent = settle(projection, model, few)
        descent = replace(descent, slots=min(descent.slots or AT_A_TIME, samples))
        key = (descent.energy, descent.precision, descent.slots)
        if key not in losses:
            losses[key] = normal_losses(descent, trainer, data, model)
        descents[name] = replace(descent, stop=descent.stop.fitted(losses[key]))
    return descents


def normal_losses(descent: Descent, trainer: L.Trainer, data: SourceData, model: Autoencoder) -> Tensor:
    """L_r of every normal image: ranks take turns, batch by batch, and each batch is what one rank alone would see."""
    slots, device = descent.slots or AT_A_TIME, trainer.strategy.root_device
    size = slots * max(1, AT_A_TIME // slots)  # whole batches of the descent
    own = islice(data.normal_images(size), trainer.global_rank, None, trainer.world_size)
    mine = [reconstruction_losses(model, channels_last(images, device), descent).cpu() for images in own]
    turns = zip_longest(*gathered(mine))
    return torch.cat([losses for turn in turns for losses in turn if losses is not None])


@torch.no_grad()
def fitted(score: Score, data: SourceData, model: Autoencoder, device: torch.device) -> Score:
    """The score with what it measures by, where it wants any; every rank sees all normal images and finds the same."""
    return score.fitted(model, _reconstructed(data, model, device)) if isinstance(score, FittedScore) else score


def _reconstructed(data: SourceData, model: Any, device: torch.device) -> Iterator[tuple[Images, Images]]:
    for images in data.normal_images(AT_A_TIME):
        x = channels_last(images, device)
        yield x, in_batches(lambda part: model.reconstruct(part).image, x, size=AT_A_TIME)
