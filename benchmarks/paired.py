"""Pixel AUROC of two columns on the same test images, and the 95 % interval of their difference.

python -m benchmarks.paired outputs/repair_cpu/repair_ae/bottle/0 baseline eq8_adam [--trust PACKAGE …]
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor

from renormal.contracts import Maps, Regions
from renormal.data.memory import load_test
from renormal.inspect.inspector import Inspector
from renormal.inspect.load import load
from renormal.metrics.rates import auroc

BINS = 1000  # of equally many pixels, ties count ½: the AUROC is exact to about 1e-6
COVERED = 0.95


class Interval(NamedTuple):
    """The AUROC of the second map less that of the first, and the ends of its interval."""

    difference: float
    low: float
    high: float


def paired_interval(one: Maps, other: Maps, regions: Regions, *, draws: int = 2000, seed: int = 0) -> Interval:
    """Percentile bootstrap over images (Efron 1979): both maps are scored on the same drawn images.

    Good and defective images are drawn apart, as many of each as there are. Pixels of one image depend on each other,
    so pixels are not drawn.
    """
    weights = _drawn((regions > 0).flatten(1).any(1), draws, seed)
    ends = []
    for maps in (one, other):
        negatives, positives = _counts(maps, regions)
        whole = auroc(negatives.sum(0), positives.sum(0))
        parts = [auroc(*pair) for pair in zip(weights @ negatives, weights @ positives, strict=True)]
        ends.append((whole, torch.stack(parts)))
    (first, firsts), (second, seconds) = ends
    tail = (1 - COVERED) / 2
    low, high = torch.quantile(seconds - firsts, torch.tensor([tail, 1 - tail], dtype=torch.float64))
    return Interval(float(second - first), float(low), float(high))


def _drawn(defective: Tensor, draws: int, seed: int) -> Tensor:
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


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paired", description=__doc__)
    parser.add_argument("job", help="folder of a finished job")
    parser.add_argument("columns", nargs=2, help="two columns of its table")
    parser.add_argument("--trust", nargs="*", default=(), help="your own packages that the job's config names")
    options = parser.parse_args()
    job = load(options.job, options.trust)
    inspectors = [Inspector(job, column=name) for name in options.columns]
    source = instantiate(OmegaConf.create(job.record.config["data"]["source"]), _convert_="all")
    frame = inspectors[0].frame
    test = load_test(source, size=frame.size, channels=frame.channels, bits=frame.bits)
    images = test.images.float() / 255
    maps = [torch.cat([one.each(part)[0].cpu() for part in images.split(one.at_a_time)]) for one in inspectors]
    found = paired_interval(*maps, test.regions)
    print("{1} − {0}: {2:+.4f}, 95 % {3:+.4f} to {4:+.4f}".format(*options.columns, *found))


if __name__ == "__main__":
    main()
