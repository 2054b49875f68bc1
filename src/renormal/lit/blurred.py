"""Whether projections find more than f(x0): checked on planted defects before the test, without a label of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

import torch

from renormal.contracts import BASELINE, Batch
from renormal.lit.ensemble import Answer
from renormal.lit.projection_run import ProjectionRun
from renormal.metrics import AnomalyMetrics

MARGIN = 0.05  # of the AUROC, ours: networks that project well differ by less, blurred ones by 0.09 to 0.45
BLURRED = (
    "%s finds planted defects worse than f(x0) does, pixel AUROC %.2f against %.2f, after %.0f steps to T: f is too "
    "far from good images to project with. Train longer, or take model=vae_draws for model=vae, or compare x0 with "
    "f(x_N): +score@scores.reconstructed=reconstructed test.crossed=true (docs/blurred.md)"
)
log = logging.getLogger("renormal")

Answering = Callable[[Batch, Mapping[str, ProjectionRun]], Answer]


def planted_auroc(
    planted: Sequence[Batch], answer: Answering, runs: Mapping[str, ProjectionRun]
) -> dict[str, dict[str, float]]:
    """Column → {"planted_auroc": its pixel AUROC on planted defects}; a line for each projection that f(x0) beats.

    planted: good images, some with planted defects; none gives an empty answer. answer: images and maps of a batch by
    column. Every rank must call it with the same images.
    """
    counters: dict[str, AnomalyMetrics] = {}
    for batch in planted:
        for name, (_, maps) in answer(batch, runs).items():
            counters.setdefault(name, AnomalyMetrics()).update(maps.cpu(), batch.regions)
    found = {name: float(counter.compute()["pixel_auroc"]) for name, counter in counters.items()}
    plain = found.get(BASELINE)
    for name, run in runs.items():
        if plain is not None and found[name] < plain - MARGIN:
            steps = torch.cat(run.report.steps).float().mean()
            log.warning(BLURRED, name, found[name], plain, steps)
    return {name: {"planted_auroc": value} for name, value in found.items()}
