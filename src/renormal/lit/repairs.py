"""Ways to repair holes in images, and how well each did (section 4.2, appendix D)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from renormal.contracts import Images, Inpainter, Mask, PerSample, Projection
from renormal.functional.holes import Holes, noise_filled, psnr
from renormal.functional.ssim import ssim_map
from renormal.lit.batches import AT_A_TIME, in_batches
from renormal.metrics import AnomalyMetrics
from renormal.projection import Descent, known_mask, project

Classical = Callable[[np.ndarray, np.ndarray], np.ndarray]  # ((H, W, C), (H, W) bool) → (H, W, C)


Answer = tuple[Images, Projection | None]


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
