"""Pixel AUROC of two columns on the same test images, and the 95 % interval of their difference.

python -m benchmarks.paired outputs/repair_cpu/repair_ae/bottle/0 baseline eq8_adam [--trust PACKAGE …]
python -m benchmarks.paired outputs/segment/segmenting_ae/pill/0 outputs/segment/segmenting_ae/pill/1 baseline chosen
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor

from renormal.console.numbers import whole
from renormal.contracts import Images, Maps, Regions
from renormal.data.memory import load_test
from renormal.inspect.inspector import Inspector
from renormal.inspect.load import load
from renormal.metrics import AnomalyMetrics
from renormal.metrics.rates import auroc

MANY = 2000  # draws
FEW = 200  # draws of a metric that counts all pixels for each
BINS = 1000  # of equally many pixels, ties count ½: the AUROC is exact to about 1e-6
COVERED = 0.95


class Interval(NamedTuple):
    """The AUROC of the second map less that of the first, and the ends of its interval."""

    difference: float
    low: float
    high: float


def paired_interval(one: Maps, other: Maps, regions: Regions, *, draws: int = MANY, seed: int = 0) -> Interval:
    """Of the pixel AUROC: percentile bootstrap over images (Efron 1979), both maps are scored on the same drawn images.

    Good and defective images are drawn apart, as many of each as there are. Pixels of one image depend on each other,
    so pixels are not drawn.
    """
    return interval([differences(one, other, drawn_images((regions > 0).flatten(1).any(1), draws, seed), regions)])


def interval(jobs: Sequence[tuple[float, Tensor]]) -> Interval:
    """Of the mean over jobs. Each job: its difference, and that of each draw, the same images in all jobs."""
    mean = torch.stack([drawn for _, drawn in jobs]).mean(dim=0)
    tail = (1 - COVERED) / 2
    low, high = torch.quantile(mean, torch.tensor([tail, 1 - tail], dtype=torch.float64))
    return Interval(fmean(all_images for all_images, _ in jobs), float(low), float(high))


def differences(one: Maps, other: Maps, weights: Tensor, regions: Regions) -> tuple[float, Tensor]:
    """The pixel AUROC of `other` less that of `one`: of all images, and of each draw."""
    ends = []
    for maps in (one, other):
        negatives, positives = _counts(maps, regions)
        every = auroc(negatives.sum(0), positives.sum(0))
        parts = [auroc(*pair) for pair in zip(weights @ negatives, weights @ positives, strict=True)]
        ends.append((every, torch.stack(parts)))
    (first, firsts), (second, seconds) = ends
    return float(second - first), seconds - firsts


def differences_of(metric: str, one: Maps, other: Maps, weights: Tensor, regions: Regions) -> tuple[float, Tensor]:
    """The same of another metric of AnomalyMetrics, as aupro and image_auroc. It takes a count of all pixels a draw."""
    every = torch.arange(len(regions))
    picks = [every, *(every.repeat_interleave(row.long()) for row in weights)]
    found = [_metric(metric, other[at], regions[at]) - _metric(metric, one[at], regions[at]) for at in picks]
    return found[0], torch.tensor(found[1:], dtype=torch.float64)


def _metric(name: str, maps: Maps, regions: Regions) -> float:
    counter = AnomalyMetrics()
    counter.update(maps, regions)
    return float(counter.compute()[name])


def drawn_images(defective: Tensor, draws: int, seed: int) -> Tensor:
    """(draws, images): how often each image is in each draw."""
    generator = torch.Generator().manual_seed(seed)
    weights = torch.zeros(draws, len(defective), dtype=torch.float64)
    for rows in (defective.nonzero()[:, 0], (~defective).nonzero()[:, 0]):
        if len(rows):
            picks = rows[torch.randint(len(rows), (draws, len(rows)), generator=generator)]
            weights.scatter_add_(1, picks, torch.ones_like(picks, dtype=torch.float64))
    return weights


def _counts(maps: Maps, regions: Regions) -> tuple[Tensor, Tensor]:
    """(images, BINS) each: normal and defective pixels of each image, in bins of ascending scores."""
    values = maps.flatten(1).contiguous()
    ordered = values.flatten().sort().values
    edges = ordered[torch.linspace(0, len(ordered) - 1, BINS + 1).long()[1:-1]].unique()
    bins = torch.bucketize(values, edges)
    kinds = regions.flatten(1)
    return tuple(  # type: ignore[return-value]
        torch.stack([torch.bincount(row[own], minlength=BINS) for row, own in zip(bins, kind, strict=True)]).double()
        for kind in (kinds == 0, kinds > 0)
    )


def maps_of(folder: str, columns: Sequence[str], trust: Sequence[str]) -> tuple[list[Maps], Regions]:
    """The maps of two columns of a finished job, and the regions of its test images."""
    job = load(folder, trust)
    inspectors = [Inspector(job, column=name) for name in columns]
    images, regions = tested(inspectors[0])
    maps = [torch.cat([one.each(part)[0].cpu() for part in images.split(one.at_a_time)]) for one in inspectors]
    return maps, regions


def tested(inspector: Inspector) -> tuple[Images, Regions]:
    """The test images of its job in [0, 1], and their regions."""
    source = instantiate(OmegaConf.create(inspector.job.record.config["data"]["source"]), _convert_="all")
    frame = inspector.frame
    test = load_test(source, size=frame.size, channels=frame.channels, bits=frame.bits)
    return test.images.float() / 255, test.regions


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paired", description=__doc__)
    parser.add_argument(
        "jobs", nargs="+", help="folders of finished jobs that differ in their seed: the mean over them"
    )
    parser.add_argument("columns", nargs=2, help="two columns of their tables")
    parser.add_argument(
        "--metrics", nargs="*", default=(), help="further ones, as aupro image_auroc: they take minutes"
    )
    parser.add_argument("--draws", type=whole, help=f"draws of images (default: {MANY}; of further metrics: {FEW})")
    parser.add_argument("--trust", nargs="*", default=(), help="your own packages that the jobs' configs name")
    options = parser.parse_args()
    found = [maps_of(folder, options.columns, options.trust) for folder in options.jobs]
    regions = found[0][1]
    if not all(torch.equal(own, regions) for _, own in found):
        parser.error("the jobs have other test images: give jobs that differ in their seed alone")
    weights = drawn_images((regions > 0).flatten(1).any(1), options.draws or MANY, seed=0)
    few = weights[: options.draws or FEW]
    pairs = [(maps[0], maps[1]) for maps, _ in found]
    for metric in ("pixel_auroc", *options.metrics):
        if metric == "pixel_auroc":
            own = interval([differences(*maps, weights, regions) for maps in pairs])
        else:
            own = interval([differences_of(metric, *maps, few, regions) for maps in pairs])
        print("{} of {} − {}: {:+.5f}, 95 % {:+.5f} to {:+.5f}".format(metric, *options.columns[::-1], *own))


if __name__ == "__main__":
    main()
