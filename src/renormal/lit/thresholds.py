"""Thresholds of descents and scales of scores, measured on normal images in the precision and batches of the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import islice, zip_longest
from typing import Any

import lightning as L
import torch
from torch import Tensor

from renormal.contracts import Autoencoder, FittedScore, Images, Score
from renormal.functional.reconstructed import reconstructed
from renormal.functional.tiles import cut, shrunk
from renormal.lit.batches import AT_A_TIME, channels_last, in_batches
from renormal.lit.datamodule import SourceData
from renormal.lit.gathering import first_rank_decides, gathered
from renormal.lit.scoring import Scoring
from renormal.projection import Descent, Settled, reconstruction_losses, settle

FITTED = 32  # whole images that a score is fitted to, at most, ours


@dataclass(frozen=True)
class NormalLosses:
    """Settles a descent for one model and measures L_r of normal images, of which T is a quantile.

    samples: of the whole test set; no descent gets more slots. shrink: images are seen at 1/shrink of the side.
    Descents with the same energy, precision and number of slots share their losses. Nothing is measured for a stop
    that needs no losses. Every rank must call it with the same descents, in the same order.
    """

    trainer: L.Trainer
    data: SourceData
    model: Autoencoder
    samples: int
    shrink: int = 1
    known: dict[Any, Tensor] = field(default_factory=dict)

    def __call__(self, descent: Descent) -> tuple[Settled, Tensor]:
        settled = settle(descent, self.model, self._few)
        slots = first_rank_decides(self.trainer, lambda: settled.slots)  # a GPU has measured them, each rank its own
        settled = replace(settled, slots=min(slots, self.samples))
        if not settled.stop.unfitted:
            return settled, torch.empty(0)
        key = (settled.energy, settled.precision, settled.slots)
        if key not in self.known:
            self.known[key] = self._measured(settled)
        return settled, self.known[key]

    @cached_property
    def _few(self) -> Images:
        return channels_last(next(self.data.normal_images(AT_A_TIME, self.shrink)), self.trainer.strategy.root_device)

    def _measured(self, descent: Settled) -> Tensor:
        """The batches are dealt to the ranks in turn; each batch is the same as in a job with one rank."""
        size = descent.slots * max(1, AT_A_TIME // descent.slots)  # whole batches of the descent
        own = islice(
            self.data.normal_images(size, self.shrink), self.trainer.global_rank, None, self.trainer.world_size
        )
        device = self.trainer.strategy.root_device
        mine = [reconstruction_losses(self.model, channels_last(images, device), descent).cpu() for images in own]
        turns = zip_longest(*gathered(mine))
        return torch.cat([losses for turn in turns for losses in turn if losses is not None])


def with_thresholds(projections: Mapping[str, Descent], measured: NormalLosses) -> dict[str, Settled]:
    """Name → settled descent with its T."""
    ready = {name: measured(descent) for name, descent in projections.items()}
    return {name: descent.fitted(losses) for name, (descent, losses) in ready.items()}


@torch.no_grad()
def fitted(
    score: Score, data: SourceData, model: Autoencoder, device: torch.device, scoring: Scoring, shrink: int = 1
) -> Score:
    """A FittedScore fitted to normal images; any other score as it is. Every rank uses the same normal images.

    Where whole images are scored and the network sees tiles, it is fitted to whole images. shrink: as of NormalLosses.
    """
    if not isinstance(score, FittedScore):
        return score
    whole = scoring.average == "pixels" and data.size != data.patch_size
    made = partial(_whole if whole else _reconstructed, data, model, device, scoring, shrink)
    return score.fitted(model, Repeated(made))


@dataclass(frozen=True)
class Repeated:
    """Pairs that are computed anew in each pass: a score with fitted parts goes through them more than once."""

    made: Callable[[], Iterator[tuple[Images, Images]]]

    def __iter__(self) -> Iterator[tuple[Images, Images]]:
        return self.made()


def _whole(
    data: SourceData, model: Any, device: torch.device, scoring: Scoring, shrink: int
) -> Iterator[tuple[Images, Images]]:
    """Good images, those held out of the training if there are some, and what blended tiles of f(x0) make of them."""
    images = data.spare if data.source.spare else data.training
    for row in torch.linspace(0, len(images) - 1, min(FITTED, len(images))).long().tolist():
        image = shrunk(images[row : row + 1].to(device).float() / 255, shrink)
        x0 = channels_last(cut(image, data.patch_size, scoring.stride), device)
        end = in_batches(lambda x: reconstructed(model, x).image, x0, size=scoring.size)
        yield image, scoring.whole(x0, end, image)


def _reconstructed(
    data: SourceData, model: Any, device: torch.device, scoring: Scoring, shrink: int
) -> Iterator[tuple[Images, Images]]:
    for images in data.normal_images(AT_A_TIME, shrink):
        x = channels_last(images, device)
        yield x, in_batches(lambda part: reconstructed(model, part).image, x, size=AT_A_TIME)
