"""Ways to repair holes in images, and measures of the result (section 4.2, appendix D)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from renormal.contracts import Images, Inpainter, Mask, PerSample, Projection
from renormal.functional.holes import Holes, noise_filled, psnr
from renormal.functional.reconstructed import reconstructed
from renormal.functional.ssim import ssim_map
from renormal.lit.batches import AT_A_TIME, in_batches, without_diverged
from renormal.metrics import AnomalyMetrics
from renormal.projection import Descent, known_mask, project

Classical = Callable[[np.ndarray, np.ndarray], np.ndarray]  # ((H, W, C), (H, W) bool) → (H, W, C)
Answer = tuple[Images, Projection | None]  # the repaired images; what a descent returned, None for other ways


class Damaged(NamedTuple):
    """truth: images without holes. holes: 1 = missing. image: the images with noise in the holes."""

    truth: Images
    holes: Mask
    image: Images


class Repaired(NamedTuple):
    """The images that one way repaired. seconds: for all of them. result: of a descent."""

    image: Images
    seconds: float
    result: Projection | None = None


def damage(truth: Images, draw: Holes, *, seed: int) -> Damaged:
    """Holes with noise in them. One seed gives the same holes and noise in every job."""
    generator = torch.Generator().manual_seed(seed)
    holes = draw(len(truth), truth.shape[-1], generator=generator).to(truth)
    return Damaged(truth, holes, noise_filled(truth.cpu(), holes.cpu(), generator=generator).to(truth))


def inside(image: Images, damaged: Damaged) -> Images:
    """`image` inside the hole, the known pixels outside."""
    return torch.where(damaged.holes > 0, image, damaged.image)


def by_autoencoder(model: Any, damaged: Damaged) -> Answer:
    """f(x0)."""
    return in_batches(lambda x: reconstructed(model, x).image, damaged.image, size=AT_A_TIME), None


def by_model(model: Inpainter, damaged: Damaged) -> Answer:
    """A model that was trained to fill holes."""
    return inside(in_batches(model.inpaint, damaged.image, damaged.holes, size=AT_A_TIME), damaged), None


def by_descent(model: Any, descent: Descent, damaged: Damaged) -> Answer:
    """x_N. Only a descent with `known_mask` is given the hole."""
    omega = damaged.holes if descent.mask is known_mask else None
    result = without_diverged(project(model, damaged.image, descent, omega=omega), damaged.image)
    return result.x, result


def answer(descent: Descent, result: Projection, damaged: Damaged) -> Images:
    """f(x_N); with `known_mask` the known pixels outside of the hole. f(x_N) is smoother than x_N."""
    image = result.terms.reconstructed
    image = torch.where(image.isfinite(), image, damaged.image)
    return inside(image, damaged) if descent.mask is known_mask else image


def by_library(method: Classical, damaged: Damaged) -> Answer:
    """A library's method, called for one image at a time."""
    images = damaged.image.permute(0, 2, 3, 1).cpu().numpy()  # (B, C, H, W) → (B, H, W, C)
    holes = damaged.holes[:, 0].cpu().numpy() > 0
    filled = [method(image, hole) for image, hole in zip(images, holes, strict=True)]
    result = torch.from_numpy(np.stack(filled)).permute(0, 3, 1, 2).to(damaged.image)
    return inside(result.clamp(0, 1), damaged), None


QUALITIES = (*(f"{noun}_{place}" for place in ("hole", "rest") for noun in ("psnr", "ssim", "l1")), "auroc")


def quality(image: Images, damaged: Damaged) -> Iterator[tuple[str, float]]:
    """PSNR in dB, SSIM and mean |error|, inside and outside the hole; AUROC of |change| with the hole as the defect."""
    truth, holes = damaged.truth, damaged.holes
    error, similar = (image - truth).abs().mean(dim=1), ssim_map(image, truth).mean(dim=1)  # (B, C, H, W) → (B, H, W)
    for place, where in (("hole", holes), ("rest", 1 - holes)):
        some = where.sum(dim=(1, 2, 3)) > 0
        if not some.any():  # a hole may cover its whole image
            continue
        yield f"psnr_{place}", float(psnr(image, truth, where)[some].mean())
        yield f"ssim_{place}", float(mean_of(similar, where)[some].mean())
        yield f"l1_{place}", float(mean_of(error, where)[some].mean())
    counter = AnomalyMetrics()
    counter.update((image - damaged.image).abs().mean(dim=1).float(), (holes[:, 0] > 0).long())
    if (auroc := counter.compute().get("pixel_auroc")) is not None:
        yield "auroc", float(auroc)


def mean_of(values: Tensor, where: Mask) -> PerSample:
    """The mean over the pixels where the mask is 1."""
    weight = where[:, 0]
    return (values * weight).sum(dim=(1, 2)) / weight.sum(dim=(1, 2))
