"""`python -m benchmarks.blurred RUN …`: what a projection of a finished job changes first, and what its map then holds.

RUN: a folder outputs/<name>/<model>/<category>/<seed> of an object. Writes outputs/blurred.jpg and prints a table: the
pixel AUROC of stops and of both comparisons, x0 with x_N and x0 with f(x_N), on planted defects and on the test set.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from numpy.typing import NDArray
from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table
from torch import Tensor

from renormal.choose.planted_set import planted_set
from renormal.contracts import Batch
from renormal.inspect.load import FinishedJob, load
from renormal.job.build import build_data
from renormal.job.fingerprints import source_of
from renormal.lit.batches import channels_last, project_filled
from renormal.lit.datamodule import SourceData
from renormal.metrics import AnomalyMetrics
from renormal.projection import Descent, Never, Plateau, Settled, Threshold, reconstruction_losses, settle
from renormal.scores import DSSIM

PICTURE = Path("outputs/blurred.jpg")
METHOD = "eq8_adam"
LONG = 100  # steps of the descents that do not stop at T
SHOWN = (1, None, LONG)  # steps whose x is drawn; None: where T stops
CPU = torch.device("cpu")


def stops(losses: Tensor) -> dict[str, Descent]:
    """Stops by name: T as in section 4.1, a quantile in its place, the plateau of section 3.5, and none."""
    lowest = Threshold().fitted(losses)
    return {
        "T, the minimum over normal images": Descent(stop=lowest, max_steps=LONG),
        "T, the median": Descent(stop=Threshold(quantile=0.5).fitted(losses), max_steps=LONG),
        "half of the minimum": Descent(stop=Threshold(value=(lowest.value or 0) / 2), max_steps=LONG),
        "plateau of E (section 3.5)": Descent(stop=Plateau(), max_steps=LONG),
        f"none, {LONG} steps": Descent(stop=Never(), max_steps=LONG),
    }


def auroc(maps: Tensor, batch: Batch) -> float:
    counter = AnomalyMetrics()
    counter.update(maps, batch.regions)
    return float(counter.compute()["pixel_auroc"])


def end_of(job: FinishedJob, x0: Tensor, descent: Descent) -> tuple[Tensor, Tensor, float]:
    """x_N, f(x_N) and the mean number of steps."""
    result = project_filled(job.model, x0, settle(descent, job.model, x0))
    return result.x, job.model.reconstruct(result.x).image, float(result.steps.float().mean())


@torch.no_grad()
def measured(job: FinishedJob, like: Descent, data: SourceData) -> Table:
    """The table of one job."""
    record = job.record
    table = Table(
        "stop", "set", "steps", "f(x0)", "x_N", "f(x_N)", title=f"{record.model}, {record.category}: pixel AUROC"
    )
    planted = planted_set(data, defects=48, seed=0)
    test = Batch(data.test.images.float() / 255, data.test.regions, data.test.defects, data.test.paths)
    normal = torch.cat(list(data.normal_images(64)))
    losses = reconstruction_losses(job.model, channels_last(normal, CPU), like)
    for name, stop in stops(losses).items():
        for title, batch in {"planted": planted, "test": test}.items():
            x0 = channels_last(batch.image, CPU)
            x, f, steps = end_of(job, x0, replace(like, stop=stop.stop, max_steps=stop.max_steps))
            scores = [DSSIM()(job.model, x0, end) for end in (job.model.reconstruct(x0).image, x, f)]
            table.add_row(name, title, f"{steps:.1f}", *(f"{auroc(maps, batch):.3f}" for maps in scores))
    return table


@torch.no_grad()
def draw(job: FinishedJob, like: Settled, data: SourceData, rows: list[NDArray[Any]]) -> None:
    """The test image with the largest defect: x, what changed, and the map, after some steps; then f(x_N)."""
    largest = int((data.test.regions > 0).sum(dim=(1, 2)).argmax())
    x0 = channels_last(data.test.images[largest : largest + 1].float() / 255, CPU)
    truth = (data.test.regions[largest] > 0).float()
    ends = {"x₀": x0}
    for steps in SHOWN:
        cut = like if steps is None else replace(like, stop=Never(), max_steps=steps)
        x, f, taken = end_of(job, x0, cut)
        ends[f"x after {taken:.0f} steps" + (": T" if steps is None else "")] = x
    ends |= {"f(x₀)": job.model.reconstruct(x0).image, f"f(x after {LONG} steps)": f}
    for at, (name, end) in enumerate(ends.items()):
        change = (end - x0).abs().amax(dim=1)[0]
        maps = DSSIM()(job.model, x0, end)[0]
        shown = ((end[0].clamp(0, 1).permute(1, 2, 0), None), (change, 0.3), (maps, float(maps.quantile(0.995)) or 1.0))
        for axes, (image, top) in zip((rows[0][at], rows[1][at], rows[2][at]), shown, strict=True):
            axes.imshow(image.squeeze(), vmin=0, vmax=top or 1, cmap="gray" if top is None else "inferno")
            axes.contour(truth, levels=[0.5], colors="cyan", linewidths=0.8)
            axes.set_xticks([])
            axes.set_yticks([])
        rows[0][at].set_title(name, fontsize=9)
    for axes, label in zip(rows, (job.record.model, "|x − x₀|", "map: DSSIM with x₀"), strict=True):
        axes[0].set_ylabel(label, fontsize=9)


def main() -> None:
    jobs = [load(folder) for folder in sys.argv[1:]]
    figure, axes = plt.subplots(3 * len(jobs), 6, figsize=(11, 5.6 * len(jobs)), layout="constrained", squeeze=False)
    for at, job in enumerate(jobs):
        config = OmegaConf.create(job.record.config)
        data = build_data(config, source_of(config))
        like = settle(replace(job.descents[METHOD], precision="float32"), job.model, data.test.images[:1].float() / 255)
        Console().print(measured(job, like, data))
        draw(job, like, data, list(axes[3 * at : 3 * at + 3]))
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=90)
    print(PICTURE)


if __name__ == "__main__":
    main()
