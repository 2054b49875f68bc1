"""The stage `inpaint`: holes in good images, repaired in every way at hand and compared with what was there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

from renormal.contracts import REPAIRED, Inpainter, Stopped
from renormal.functional.holes import Holes, psnr
from renormal.lit.batches import channels_last
from renormal.lit.datamodule import SourceData
from renormal.lit.module import AutoencoderModule
from renormal.lit.panels import pixels, write_png
from renormal.lit.repairs import (
    Answer,
    Classical,
    Damaged,
    Repaired,
    answer,
    by_descent,
    by_library,
    by_model,
    damage,
    inside,
    quality,
    reconstructed,
)
from renormal.lit.stage import INPAINT, Found, Stage, Work
from renormal.lit.state_report import report_stage
from renormal.lit.thresholds import with_thresholds
from renormal.projection import Descent, LatentSearch, Settled

ANSWER = "_reconstructed"  # behind a descent's name: f(x_N)
SHOWN = 5  # best, and as many worst
Ways = dict[str, Callable[[Damaged], Answer]]


class Inpaint(Stage):
    """Makes holes, repairs them in every way and measures each, for every kind of hole.

    projections: name → descent; one whose mask is `known_mask` knows where the hole is (eq. 7), others do not
    (eq. 8). holes: name → kind of hole. images: good test images at most, the first ones. classical: a library's
    method, or None. seed: of holes and noise. folder: for the sheets of pictures, None: nothing is drawn.
    """

    name = INPAINT

    def __init__(
        self,
        projections: Mapping[str, Descent],
        *,
        holes: Mapping[str, Holes],
        images: int = 600,
        classical: Classical | None = None,
        seed: int = 0,
        folder: Path | None = None,
    ) -> None:
        if images < 1:
            raise ValueError(f"inpaint.images must be at least 1, got {images}")
        if not holes:
            raise ValueError("inpaint.holes names no kind of hole: give squares, mixture, or your own")
        if wrong := [name for name, descent in projections.items() if isinstance(descent.energy, LatentSearch)]:
            raise ValueError(f"projections.{wrong[0]} searches z: holes are repaired by moving x")
        self.projections, self.holes, self.images = dict(projections), dict(holes), images
        self.classical, self.seed, self.folder = classical, seed, folder

    def check(self, module: AutoencoderModule, data: SourceData) -> None:
        """Draw a hole of each kind and call the library: raises what they would raise after the training."""
        if data.size != data.patch_size:
            raise ValueError(f"category={data.source.name} is seen in patches: the stage inpaint repairs whole images")
        for name, draw in self.holes.items():
            try:
                draw(1, data.size, generator=torch.Generator().manual_seed(0))
            except RuntimeError as error:
                raise ValueError(f"inpaint.holes.{name} draws nothing at {data.size} px: {error}") from error
        if self.classical is not None:
            hole = np.zeros((8, 8), dtype=bool)
            hole[2:4, 2:4] = True
            self.classical(np.zeros((8, 8, data.channels), dtype=np.float32), hole)

    @torch.no_grad()
    def run(self, work: Work, found: Found) -> Found:
        """On the first rank; the others take part in the thresholds only."""
        trainer, module, data, _ = work
        training, device = module.training, trainer.strategy.root_device
        module.to(device).eval().requires_grad_(False)
        good = [row for row, defect in enumerate(data.test.defects) if defect == "good"][: self.images]
        truth = channels_last(data.test.images[good].float() / 255, device)
        descents = with_thresholds(self.projections, trainer, data, module.model, samples=len(truth))
        left = Found()
        if trainer.is_global_zero:
            paths, ways = [data.test.paths[row] for row in good], self.ways(module.model, descents)
            left |= Found(projections={name: {"threshold": one.threshold} for name, one in descents.items()})
            for kind, draw in self.holes.items():
                damaged = damage(truth, draw, seed=self.seed)
                repaired = self._repaired(damaged, ways, partial(report_stage, trainer, self.name))
                left |= _measured(kind, damaged, repaired)
                if self.folder is not None:
                    entry = sheet(self.folder / f"inpaint-{kind}.png", paths, damaged, repaired)
                    left |= Found(curves={f"{REPAIRED}{kind}": entry})
        module.requires_grad_(True).train(training)
        return left

    def ways(self, model: Any, descents: Mapping[str, Settled]) -> Ways:
        """Every way to repair, the plainest first."""
        found: Ways = {}
        if self.classical is not None:
            found["classical"] = partial(by_library, self.classical)
        found["baseline"] = partial(reconstructed, model)
        found["pasted"] = lambda damaged: (inside(reconstructed(model, damaged)[0], damaged), None)
        if isinstance(model, Inpainter):
            found["inpainter"] = partial(by_model, model)
        return found | {name: partial(by_descent, model, descent) for name, descent in descents.items()}

    def _repaired(self, damaged: Damaged, ways: Ways, report: Callable[[], None]) -> dict[str, Repaired]:
        """Every way's answer, and f(x_N) of every descent. report: called before each way."""
        found: dict[str, Repaired] = {}
        for name, way in ways.items():
            report()
            start = time.perf_counter()
            image, result = way(damaged)
            found[name] = Repaired(image, time.perf_counter() - start, result)
            if result is not None:
                image = answer(self.projections[name], result, damaged)
                found[f"{name}{ANSWER}"] = Repaired(image, found[name].seconds)
        return found


def _measured(kind: str, damaged: Damaged, found: Mapping[str, Repaired]) -> Found:
    """The quality of every repair; of a descent also its steps, its stops and its seconds an image."""
    metrics: dict[str, float] = {}
    reports: dict[str, dict[str, float | None]] = {}
    for name, repaired in found.items():
        metrics |= {f"{name}/{kind}_{noun}": value for noun, value in quality(repaired.image, damaged)}
        seconds = repaired.seconds / len(damaged.truth)
        if repaired.result is None:
            metrics[f"{name}/{kind}_seconds"] = seconds
            continue
        steps, arrived = repaired.result.steps.double(), repaired.result.stopped == Stopped.ARRIVED
        reports[name] = {
            f"{kind}_steps": float(steps.mean()),
            f"{kind}_stopped": float(arrived.double().mean()),
            f"{kind}_seconds": seconds,
        }
    return Found(metrics=metrics, projections=reports)


def sheet(path: Path, paths: list[str], damaged: Damaged, found: Mapping[str, Repaired]) -> dict[str, Any]:
    """A row for each of the best and the worst by mean PSNR in the hole of all that descend; nobody picks them."""
    compared = [name for name, repaired in found.items() if repaired.result is not None] or list(found)
    values = torch.stack([psnr(found[name].image, damaged.truth, damaged.holes) for name in compared]).mean(dim=0)
    order = values.argsort(descending=True).tolist()
    count = min(SHOWN, (len(order) + 1) // 2)
    rows = [*order[:count], *order[len(order) - min(count, len(order) - count) :]]
    columns = {
        "x0": damaged.image,
        **{name: repaired.image for name, repaired in found.items()},
        "truth": damaged.truth,
    }
    lines = [np.concatenate([pixels(images[row]) for images in columns.values()], axis=1) for row in rows]
    write_png(path, np.concatenate(lines, axis=0))
    shown = [{"path": paths[row], "psnr": round(float(values[row]), 2)} for row in rows]
    mean = fmean(values.tolist())
    return {"file": f"{path.parent.name}/{path.name}", "columns": list(columns), "rows": shown, "mean_psnr": mean}
