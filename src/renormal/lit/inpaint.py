"""Holes in good images, repaired in every way at hand and compared with what was there (section 4.2, appendix D)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import lightning as L
import numpy as np
import torch
from torch import Tensor

from renormal.contracts import Images, Inpainter, Mask, PerSample, Projection, Stopped
from renormal.functional.holes import Holes, noise_filled, psnr
from renormal.functional.ssim import ssim_map
from renormal.lit.batches import AT_A_TIME, channels_last, in_batches
from renormal.lit.datamodule import SourceData
from renormal.lit.module import AutoencoderModule
from renormal.lit.panels import pixels, write_png
from renormal.lit.thresholds import with_thresholds
from renormal.metrics import AnomalyMetrics
from renormal.projection import Descent, LatentSearch, Settled, known_mask, project

ANSWER = "_reconstructed"  # behind a descent's name: f(x_N)
SHOWN = 5  # best, and as many worst
Classical = Callable[[np.ndarray, np.ndarray], np.ndarray]  # ((H, W, C), (H, W) bool) → (H, W, C)


class Damaged(NamedTuple):
    """truth, its holes, and what stands in them."""

    truth: Images
    holes: Mask
    image: Images


class Repaired(NamedTuple):
    """One way's answer. seconds: of all images together."""

    image: Images
    seconds: float
    result: Projection | None = None


class Inpainting:
    """Leaves `metrics`, `reports` and `sheets` for the record.

    projections: name → descent; one whose mask is `known_mask` is told where the hole is (eq. 7), others are not
    (eq. 8). holes: name → kind of hole. images: good test images at most, the first ones. classical: a library's
    method, or None. seed: of holes and noise.
    """

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
        self.metrics: dict[str, float] = {}
        self.reports: dict[str, dict[str, float | None]] = {name: {} for name in self.projections}
        self.sheets: dict[str, dict[str, Any]] = {}

    def try_on_nothing(self, size: int, channels: int) -> None:
        """Raises what holes or the library would raise after the training."""
        for name, draw in self.holes.items():
            try:
                draw(1, size, generator=torch.Generator().manual_seed(0))
            except RuntimeError as error:
                raise ValueError(f"inpaint.holes.{name} draws nothing at {size} px: {error}") from error
        if self.classical is not None:
            hole = np.zeros((8, 8), dtype=bool)
            hole[2:4, 2:4] = True
            self.classical(np.zeros((8, 8, channels), dtype=np.float32), hole)

    @torch.no_grad()
    def run(self, trainer: L.Trainer, module: AutoencoderModule, data: SourceData, beat: Callable[[], None]) -> None:
        """On the first rank's device. beat: called before each way of repair."""
        training = module.training
        module.to(trainer.strategy.root_device).eval().requires_grad_(False)
        good = [row for row, defect in enumerate(data.test.defects) if defect == "good"][: self.images]
        truth = channels_last(data.test.images[good].float() / 255, trainer.strategy.root_device)
        descents = with_thresholds(self.projections, trainer, data, module.model, samples=len(truth))
        if not trainer.is_global_zero:  # which measures and draws; the others' part was the threshold
            return
        paths = [data.test.paths[row] for row in good]
        for kind, draw in self.holes.items():
            damaged = damage(truth, draw, seed=self.seed)
            found: dict[str, Repaired] = {}
            for name, way in self.ways(module.model, descents).items():
                beat()
                start = time.perf_counter()
                image, result = way(damaged)
                found[name] = Repaired(image, time.perf_counter() - start, result)
                if result is not None:
                    found[f"{name}{ANSWER}"] = Repaired(answer(descents[name], result, damaged), found[name].seconds)
            self._measure(kind, damaged, found)
            for name, descent in descents.items():
                self.reports[name]["threshold"] = descent.threshold
            if self.folder is not None:
                self.sheets[kind] = sheet(self.folder / f"inpaint-{kind}.png", paths, damaged, found)
        module.requires_grad_(True).train(training)

    def ways(self, model: Any, descents: Mapping[str, Settled]) -> dict[str, Callable[[Damaged], Answer]]:
        """Every way to repair, the plainest first."""
        found: dict[str, Callable[[Damaged], Answer]] = {}
        if self.classical is not None:
            found["classical"] = partial(by_library, self.classical)
        found["baseline"] = partial(reconstructed, model)
        found["pasted"] = lambda damaged: (inside(reconstructed(model, damaged)[0], damaged), None)
        if isinstance(model, Inpainter):
            found["inpainter"] = partial(by_model, model)
        return found | {name: partial(by_descent, model, descent) for name, descent in descents.items()}

    def _measure(self, kind: str, damaged: Damaged, found: Mapping[str, Repaired]) -> None:
        for name, repaired in found.items():
            self.metrics |= {f"{name}/{kind}_{noun}": value for noun, value in quality(repaired.image, damaged)}
            if name not in self.reports:
                self.metrics[f"{name}/{kind}_seconds"] = repaired.seconds / len(damaged.truth)
            if repaired.result is not None:
                steps, arrived = repaired.result.steps.double(), repaired.result.stopped == Stopped.ARRIVED
                self.reports[name] |= {
                    f"{kind}_steps": float(steps.mean()),
                    f"{kind}_stopped": float(arrived.double().mean()),
                    f"{kind}_seconds": repaired.seconds / len(damaged.truth),
                }


Answer = tuple[Images, Projection | None]


def damage(truth: Images, draw: Holes, *, seed: int) -> Damaged:
    """The same holes and noise in every job of a seed."""
    generator = torch.Generator().manual_seed(seed)
    holes = draw(len(truth), truth.shape[-1], generator=generator).to(truth)
    return Damaged(truth, holes, noise_filled(truth.cpu(), holes.cpu(), generator=generator).to(truth))


def inside(image: Images, damaged: Damaged) -> Images:
    """The image in the hole, what is known elsewhere."""
    return torch.where(damaged.holes > 0, image, damaged.image)


def reconstructed(model: Any, damaged: Damaged) -> Answer:
    """f(x0)."""
    return in_batches(lambda x: model.reconstruct(x).image, damaged.image, size=AT_A_TIME), None


def by_model(model: Inpainter, damaged: Damaged) -> Answer:
    """A model that was trained to fill holes."""
    return inside(in_batches(model.inpaint, damaged.image, damaged.holes, size=AT_A_TIME), damaged), None


def by_descent(model: Any, descent: Descent, damaged: Damaged) -> Answer:
    """x_N, with Ω or without."""
    omega = damaged.holes if descent.mask is known_mask else None
    result = project(model, damaged.image, descent, omega=omega)
    finite = result.x.flatten(1).isfinite().all(dim=1)[:, None, None, None]
    return torch.where(finite, result.x, damaged.image), result


def answer(descent: Descent, result: Projection, damaged: Damaged) -> Images:
    """f(x_N), where Ω is known in the hole only: smoother than x_N, whose pixels moved one by one."""
    image = result.terms.reconstructed
    image = torch.where(image.isfinite(), image, damaged.image)
    return inside(image, damaged) if descent.mask is known_mask else image


def by_library(method: Classical, damaged: Damaged) -> Answer:
    """One image after the other."""
    images = damaged.image.permute(0, 2, 3, 1).cpu().numpy()  # (B, C, H, W) → (B, H, W, C)
    holes = damaged.holes[:, 0].cpu().numpy() > 0
    filled = [method(image, hole) for image, hole in zip(images, holes, strict=True)]
    result = torch.from_numpy(np.stack(filled)).permute(0, 3, 1, 2).to(damaged.image)
    return inside(result.clamp(0, 1), damaged), None


def quality(image: Images, damaged: Damaged) -> Iterator[tuple[str, float]]:
    """PSNR in dB, SSIM and mean |error|, in the hole and outside of it; AUROC of what was changed against the hole."""
    truth, holes = damaged.truth, damaged.holes
    error, similar = (image - truth).abs().mean(dim=1), ssim_map(image, truth).mean(dim=1)  # (B, C, H, W) → (B, H, W)
    for place, where in (("hole", holes), ("rest", 1 - holes)):
        some = where.sum(dim=(1, 2, 3)) > 0
        if not some.any():  # images that are missing as a whole have no outside
            continue
        yield f"psnr_{place}", float(psnr(image, truth, where)[some].mean())
        yield f"ssim_{place}", float(mean_of(similar, where)[some].mean())
        yield f"l1_{place}", float(mean_of(error, where)[some].mean())
    counter = AnomalyMetrics()
    counter.update((image - damaged.image).abs().mean(dim=1).float(), (holes[:, 0] > 0).long())
    if (auroc := counter.compute().get("pixel_auroc")) is not None:
        yield "auroc", float(auroc)


def mean_of(values: Tensor, where: Mask) -> PerSample:
    """Over the pixels where the mask is 1."""
    weight = where[:, 0]
    return (values * weight).sum(dim=(1, 2)) / weight.sum(dim=(1, 2))


def sheet(path: Path, paths: list[str], damaged: Damaged, found: Mapping[str, Repaired]) -> dict[str, Any]:
    """A row for each of the best and the worst by mean PSNR in the hole of all that descend; nobody picks them."""
    judged = [name for name, repaired in found.items() if repaired.result is not None] or list(found)
    values = torch.stack([psnr(found[name].image, damaged.truth, damaged.holes) for name in judged]).mean(dim=0)
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
    told = [{"path": paths[row], "psnr": round(float(values[row]), 2)} for row in rows]
    mean = fmean(values.tolist())
    return {"file": f"{path.parent.name}/{path.name}", "columns": list(columns), "rows": told, "mean_psnr": mean}
