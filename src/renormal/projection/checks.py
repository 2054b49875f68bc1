"""Images and settings that cannot be projected raise ValueError before the first step."""

from __future__ import annotations

from typing import Any

import torch

from renormal.contracts import Images, Mask
from renormal.projection.latent_start import LatentSearch
from renormal.projection.mask import UpdateMask, no_mask
from renormal.projection.stop import StopCriterion


def check_images(x0: Images, omega: Mask | None) -> None:
    if x0.ndim != 4 or x0.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"images must be float32 or float64 (B, C, H, W), got {x0.dtype} {tuple(x0.shape)}")
    if not bool(x0.isfinite().all()):
        raise ValueError("images must be finite, got NaN or infinity")
    if omega is None:
        return
    batch, channels, *side = omega.shape if omega.ndim == 4 else (0, 0)
    if batch != len(x0) or channels not in (1, x0.shape[1]) or tuple(side) != tuple(x0.shape[2:]):
        raise ValueError(f"omega must be (B, 1 or C, H, W) like the images {tuple(x0.shape)}, got {tuple(omega.shape)}")
    if not bool(((omega >= 0) & (omega <= 1)).all()):  # a NaN fails both
        raise ValueError("omega must lie in [0, 1]: 1 where pixels may move")


def check_search(energy: Any, mask: UpdateMask, clamp: tuple[float, float] | None, stop: StopCriterion) -> None:
    """Raise ValueError for settings that have no meaning where z moves."""
    if not isinstance(energy, LatentSearch):
        return
    if mask is not no_mask or clamp is not None:
        raise ValueError("a search in z has no pixels to mask or to clamp: give mask=no_mask and clamp=None")
    unfitted = stop.fitted(torch.ones(1)) != stop
    if unfitted and not energy.start.reconstructs:
        raise ValueError("losses at a z drawn from the prior make no threshold: give its value, or stop at a plateau")


def check_fit(energy: Any, model: Any, omega: Mask | None) -> None:
    """Raise ValueError where the model lacks what a search in z needs, or where the search is given an Ω."""
    if isinstance(energy, LatentSearch):
        energy.check(model)
        if omega is not None:
            raise ValueError("omega masks pixels, and a search in z moves none: leave it out")
