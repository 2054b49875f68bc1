"""Curves of a projection: E and L_r after each iteration, mean over samples."""

from __future__ import annotations

import torch
from torch import Tensor

from renormal.contracts import Autoencoder, EnergyTerms, Images
from renormal.projection import Descent, project


def traced(model: Autoencoder, x0: Images, descent: Descent) -> dict[str, list[float]]:
    """{"energy": mean of E(x_t), "reconstruction": mean of L_r(x_t)} for t = 0 … the last update of any sample.

    A sample that has stopped keeps its last value. A sample with a value that is not finite is left out of the mean.
    The result is empty where no sample is left.
    """
    shape = (2, len(x0), descent.max_steps + 1)
    values = torch.zeros(shape, dtype=torch.float64, device=x0.device)

    def observe(sample: Tensor, t: Tensor, x: Images, terms: EnergyTerms) -> None:
        values[0, sample, t] = terms.total.double()
        values[1, sample, t] = terms.reconstruction.double()

    result = project(model, x0, descent, observe=observe)
    ended = torch.arange(shape[2], device=x0.device) >= result.steps[:, None]  # (B, T)
    last = torch.stack([result.terms.total, result.terms.reconstruction]).double()
    values = torch.where(ended, last[:, :, None], values)
    finite = values.isfinite().all(dim=2).all(dim=0)
    means = values[:, finite, : int(result.steps.max()) + 1].mean(dim=1)
    return dict(zip(("energy", "reconstruction"), means.tolist(), strict=True)) if finite.any() else {}
