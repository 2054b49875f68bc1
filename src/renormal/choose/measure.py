"""Measure how well a descent finds planted defects, for several stops and scores at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean
from typing import NamedTuple

import torch
from torch import Tensor

from renormal.contracts import Autoencoder, Batch, EnergyTerms, Images, Maps, PerSample, Score
from renormal.functional.reconstructed import reconstructed
from renormal.functional.tiles import cut, enlarged, shrunk
from renormal.lit.batches import channels_last, in_batches, project_filled, without_diverged
from renormal.lit.scoring import Scoring
from renormal.metrics import AnomalyMetrics
from renormal.models import ConvAutoencoder
from renormal.projection import Descent, Settled, Threshold

MEAN = "mean_of_three"
THREE = ("pixel_auroc", "aupro", "image_auroc")  # of pixels, of defects, of images, ours


class Measured(NamedTuple):
    """One descent under one stop and one score."""

    quantile: float | None  # of the stop's threshold; None: the descent's own stop
    score: str
    metrics: dict[str, float]


Ready = Callable[[Descent], tuple[Settled, PerSample]]
Moved = Callable[[Images, Images], list[Images]]  # x0, f(x0) → ends


class Size(NamedTuple):
    """A size at which the network sees images, 1/shrink of the side.

    ready: descent → the descent settled for the model, and L_r of normal images, which gives its thresholds.
    """

    shrink: int
    scores: Mapping[str, Score]
    ready: Ready


@dataclass(frozen=True)
class PlantedTest:
    """Measures descents on labelled samples. Maps are averaged over the sizes, which have scores of the same names.

    counted: called with the number of images that have just been measured under one descent, or under f(x0).
    """

    model: ConvAutoencoder
    samples: Sequence[Batch]
    device: torch.device
    patch_size: int
    sizes: Sequence[Size]
    scoring: Scoring
    counted: Callable[[int], None] = lambda images: None

    @property
    def images(self) -> int:
        return sum(len(sample.path) for sample in self.samples)

    def measure(self, descent: Descent, quantiles: Sequence[float]) -> list[Measured]:
        """Every metric for each stop and each score. A descent whose stop has no quantile keeps its own stop."""
        stops = [_stops(*size.ready(descent), quantiles) for size in self.sizes]
        moves = [partial(ends, self.model, stops=list(own.values())) for own in stops]
        return self._metrics(list(stops[0]), moves)

    def baseline(self) -> list[Measured]:
        """Every metric of f(x0) for each score: a descent has to be better."""
        return self._metrics([None], [lambda x0, f: [f] for _ in self.sizes])

    @torch.no_grad()
    def _metrics(self, names: list[float | None], moves: Sequence[Moved]) -> list[Measured]:
        counters = {(at, name): AnomalyMetrics() for at in range(len(names)) for name in self.sizes[0].scores}
        for sample in self.samples:
            every = [self._maps(sample.image, *one) for one in zip(self.sizes, moves, strict=True)]
            for key, counter in counters.items():
                counter.update(torch.stack([maps[key] for maps in every]).mean(dim=0), sample.regions)
            self.counted(len(sample.path))
        return [
            Measured(names[at], name, _with_mean({metric: value.item() for metric, value in counter.compute().items()}))
            for (at, name), counter in counters.items()
        ]

    def _maps(self, image: Images, size: Size, moved: Moved) -> dict[tuple[int, str], Maps]:
        """(number of the end, score) → maps of the images, as the network sees them at one size."""
        small = shrunk(image, size.shrink)
        x0 = channels_last(cut(small, self.patch_size, self.scoring.stride), self.device)
        f = in_batches(lambda rows: reconstructed(self.model, rows).image, x0, size=self.scoring.size)
        found = {}
        for at, end in enumerate(moved(x0, f)):
            for name, score in size.scores.items():
                _, maps = self.scoring(score, self.model, x0, end, small)
                found[at, name] = enlarged(maps.cpu(), size.shrink)
        return found


def _with_mean(metrics: dict[str, float]) -> dict[str, float]:
    """One metric alone may prefer settings that lose much in another for 0.001 in it."""
    return metrics | {MEAN: fmean(metrics[name] for name in THREE)}


def _stops(descent: Settled, losses: PerSample, quantiles: Sequence[float]) -> dict[float | None, Settled]:
    """Quantile → the same descent with the threshold of that quantile."""
    if not isinstance(descent.stop, Threshold) or descent.stop.value is not None:
        return {None: descent.fitted(losses)}
    return {one: replace(descent, stop=Threshold(quantile=one)).fitted(losses) for one in quantiles}


def ends(model: Autoencoder, x0: Images, baseline: Images, stops: Sequence[Settled]) -> list[Images]:
    """x_N of each stop, all from one descent to the lowest threshold: it reaches each of the others on its way.

    With a safeguard each stop needs its own descent: a point that was evaluated may be refused.
    """
    if len(stops) == 1 or stops[0].safeguard:
        results = [project_filled(model, x0, stop) for stop in stops]
        return [without_diverged(result, baseline).x for result in results]
    thresholds = [stop.threshold for stop in stops if stop.threshold is not None]
    passed = [torch.zeros(len(x0), dtype=torch.bool, device=x0.device) for _ in stops]
    held = [x0.clone() for _ in stops]

    def observe(sample: Tensor, t: Tensor, x: Images, terms: EnergyTerms) -> None:
        for value, done, end in zip(thresholds, passed, held, strict=True):
            here = (terms.reconstruction < value) & terms.total.isfinite() & ~done[sample]
            _keep(end, done, sample, here, x)

    result = project_filled(model, x0, stops[thresholds.index(min(thresholds))], observe=observe)
    last = [torch.where(done[:, None, None, None], end, result.x) for done, end in zip(passed, held, strict=True)]
    return [without_diverged(result._replace(x=end), baseline).x for end in last]


def _keep(end: Images, done: Tensor, sample: Tensor, here: Tensor, x: Images) -> None:
    """end[sample] = x where `here`. A GPU writes all rows: to count some of them would make the host wait."""
    if x.device.type == "cpu":
        sample, x = sample[here], x[here]
        end[sample], done[sample] = x, True
    else:
        end[sample] = torch.where(here[:, None, None, None], x, end[sample])
        done[sample] = done[sample] | here
