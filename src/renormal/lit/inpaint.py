"""The stage `inpaint`: cut holes into good images, repair them in several ways, and compare with the whole images."""

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
from renormal.functional.transfer import waited_for
from renormal.lit.batches import channels_last
from renormal.lit.captions import write_png
from renormal.lit.datamodule import SourceData
from renormal.lit.module import AutoencoderModule
from renormal.lit.panels import grid
from renormal.lit.repairs import (
    QUALITIES,
    Answer,
    Classical,
    Damaged,
    Repaired,
    answer,
    by_autoencoder,
    by_descent,
    by_library,
    by_model,
    damage,
    inside,
    quality,
)
from renormal.lit.stage import INPAINT, Found, Stage, Work, frozen
from renormal.lit.state_report import report_stage
from renormal.lit.thresholds import NormalLosses, with_thresholds
from renormal.projection import Descent, LatentSearch, Settled

ANSWER = "_reconstructed"  # ends the name of f(x_N), which begins with the descent's
SHOWN = 5  # best images on a sheet, and as many worst
Ways = dict[str, Callable[[Damaged], Answer]]


class Inpaint(Stage):
    """Makes holes of every kind, repairs them in every way and measures each repair.

    projections: name → descent. One with `known_mask` is given the hole (eq. 7), others find it (eq. 8). holes: name →
    kind of hole. images: at most so many good test images, the first ones. classical: a library's method, or None.
    seed: of holes and noise. folder: of the sheets of pictures; None draws nothing.
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
        if wrong := [name for name, descent in projections.items() if isinstance(descent.energy, LatentSearch)]:
            raise ValueError(f"projections.{wrong[0]} searches z: holes are repaired by moving x")
        self.projections, self.holes, self.images = dict(projections), dict(holes), images
        self.classical, self.seed, self.folder = classical, seed, folder

    def check(self, module: AutoencoderModule, data: SourceData) -> None:
        """Draw a hole of each kind and call the library once: an error comes before the training, not after it."""
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

    def numbers(self, module: AutoencoderModule, data: SourceData) -> list[str]:
        ways = [*self.ways(module.model, {}), *self.projections, *(f"{name}{ANSWER}" for name in self.projections)]
        return [f"{way}/{kind}_{noun}" for kind in self.holes for way in ways for noun in (*QUALITIES, "seconds")]

    @torch.no_grad()
    def run(self, work: Work, found: Found) -> Found:
        """The first rank repairs and measures; the other ranks only help to measure the thresholds."""
        with frozen(work):
            return self._run(work)

    def _run(self, work: Work) -> Found:
        trainer, module, data, _ = work
        good = [row for row, defect in enumerate(data.test.defects) if defect == "good"][: self.images]
        truth = channels_last(data.test.images[good].float() / 255, trainer.strategy.root_device)
        descents = with_thresholds(self.projections, NormalLosses(trainer, data, module.model, len(truth)))
        if not trainer.is_global_zero:
            return Found()
        paths, ways = [data.test.paths[row] for row in good], self.ways(module.model, descents)
        left = Found(projections={name: {"threshold": one.threshold} for name, one in descents.items()})
        for kind, draw in self.holes.items():
            damaged = damage(truth, draw, seed=self.seed)
            repaired = self._repaired(damaged, ways, partial(report_stage, trainer, self.name))
            left |= _measured(kind, damaged, repaired)
            if self.folder is not None:
                entry = sheet(self.folder / f"inpaint-{kind}.png", paths, damaged, repaired)
                left |= Found(curves={f"{REPAIRED}{kind}": entry})
        return left

    def ways(self, model: Any, descents: Mapping[str, Settled]) -> Ways:
        """Name → way to repair, the simplest first."""
        found: Ways = {}
        if self.classical is not None:
            found["classical"] = partial(by_library, self.classical)
        found["baseline"] = partial(by_autoencoder, model)
        found["pasted"] = lambda damaged: (inside(by_autoencoder(model, damaged)[0], damaged), None)
        if isinstance(model, Inpainter):
            found["inpainter"] = partial(by_model, model)
        return found | {name: partial(by_descent, model, descent) for name, descent in descents.items()}

    def _repaired(self, damaged: Damaged, ways: Ways, report: Callable[[], None]) -> dict[str, Repaired]:
        """The result of every way, and f(x_N) of every descent. report: called before each way."""
        found: dict[str, Repaired] = {}
        for name, way in ways.items():
            report()
            waited_for(damaged.image.device)
            start = time.perf_counter()
            image, result = way(damaged)
            waited_for(damaged.image.device)
            found[name] = Repaired(image, time.perf_counter() - start, result)
            if result is not None:
                image = answer(self.projections[name], result, damaged)
                found[f"{name}{ANSWER}"] = Repaired(image, found[name].seconds)
        return found


def _measured(kind: str, damaged: Damaged, found: Mapping[str, Repaired]) -> Found:
    """The quality of every repair and its seconds for each image; of a descent also its steps and its stops."""
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
    """Write a row for each of the best and the worst images, and return the record's entry.

    Their order is the PSNR in the hole, mean over the descents, or over all repairs where there is no descent.
    """
    compared = [name for name, one in found.items() if one.result is not None] or list(found)
    values = torch.stack([psnr(found[name].image, damaged.truth, damaged.holes) for name in compared]).mean(dim=0)
    order = values.argsort(descending=True).tolist()
    count = min(SHOWN, (len(order) + 1) // 2)
    rows = [*order[:count], *order[len(order) - min(count, len(order) - count) :]]
    repaired = {name: one.image for name, one in found.items()}
    columns = {"x0": damaged.image, **repaired, "truth": damaged.truth}
    write_png(path, grid([[images[row] for images in columns.values()] for row in rows]), list(columns))
    shown = [{"path": paths[row], "psnr": round(float(values[row]), 2)} for row in rows]
    mean = fmean(values.tolist())
    return {"file": f"{path.parent.name}/{path.name}", "columns": list(columns), "rows": shown, "mean_psnr": mean}
