"""Whether projections find more than f(x0): checked on planted defects before the test, without a label of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

import torch

from renormal.console.text import counted
from renormal.contracts import BASELINE, Batch, Images
from renormal.lit.ensemble import Answer
from renormal.lit.projection_run import ProjectionRun
from renormal.lit.variety import LEAST, pooled, spread
from renormal.metrics import AnomalyMetrics
from renormal.models import MeanImage
from renormal.models.vae import VAE

MARGIN = 0.05  # of the AUROC, ours: networks that project well differ by less, blurred ones by 0.09 to 0.45
BLURRED = (
    "f(x0) finds %s better (pixel AUROC %.2f) than %s: f reconstructs good images too badly to project. "
    "Train longer%s, or compare x0 with f(x_N): +score@scores.reconstructed=reconstructed test.crossed=true "
    "(docs/blurred.md)"
)
CONSTANT = (
    "f(x0) finds %s better (pixel AUROC %.2f) than %s: f(x) is nearly the same image for every photograph, "
    "and nothing can be projected with it. Train longer"
)
DRAWS = ", or take model=vae_draws for model=vae"  # a VAE whose f(x) decodes the mean alone
ANEW = ", or train model=vae_draws, without continue="
log = logging.getLogger("renormal")

Answering = Callable[[Batch, Mapping[str, ProjectionRun]], Answer]


def planted_auroc(
    planted: Sequence[Batch],
    answer: Answering,
    runs: Mapping[str, ProjectionRun],
    network: object = None,
    *,
    fixed: bool = False,
) -> dict[str, dict[str, float]]:
    """Column → {"planted_auroc": its pixel AUROC on planted defects}; a line names the projections that f(x0) beats.

    planted: good images, some with planted defects; none gives an empty answer. answer: images and maps of a batch by
    column. Every rank must call it with the same images. network: with f, for the advice. fixed: it is trained further,
    so another model is a new training.
    """
    counters: dict[str, AnomalyMetrics] = {}
    plain_images = list[tuple[Images, Images]]()
    for batch in planted:
        for name, (image, maps) in answer(batch, runs).items():
            if name == BASELINE:
                plain_images.append((pooled(image.cpu()), pooled(batch.image.cpu())))
            counters.setdefault(name, AnomalyMetrics()).update(maps.cpu(), batch.regions)
    found = {name: float(counter.compute()["pixel_auroc"]) for name, counter in counters.items()}
    plain = found.get(BASELINE)
    worse = [name for name in runs if plain is not None and found[name] < plain - MARGIN]
    if worse:
        steps = {name: round(float(torch.cat(runs[name].report.steps).float().mean())) for name in worse}
        said = (f"{name} ({found[name]:.2f} after {counted(steps[name], 'step')})" for name in worse)
        drawn = counted(sum(int((one > 0).any()) for batch in planted for one in batch.regions), "drawn defect")
        draws = (ANEW if fixed else DRAWS) if type(network) is VAE and not len(network.draws) else ""
        if not isinstance(network, MeanImage) and spread(*map(torch.cat, zip(*plain_images, strict=True))) < LEAST:
            log.warning(CONSTANT, drawn, plain, ", ".join(said))
        else:
            log.warning(BLURRED, drawn, plain, ", ".join(said), draws)
    return {name: {"planted_auroc": value} for name, value in found.items()}
