"""Closed forms for diagonal Gaussians (Kingma & Welling, arXiv 1312.6114)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from renormal.contracts import PerSample
from renormal.functional.norms import float32, per_sample_sum


@float32
def nll(x: Tensor, mean: Tensor, log_std: Tensor | float = 0.0) -> PerSample:
    """Σ ½((x − μ) / σ)² + log σ + ½ log 2π: −log N(x; μ, σ²I), one σ for the whole image; (B,)."""
    scale = (-log_std).exp() if isinstance(log_std, Tensor) else math.exp(-log_std)  # a GPU would wait for a new tensor
    residual = (x.float() - mean.float()) * scale
    return per_sample_sum(0.5 * residual.square() + (log_std + 0.5 * math.log(2 * math.pi)))


def sampled(mean: Tensor, log_variance: Tensor, noise: Tensor | None = None) -> Tensor:
    """μ + σ ε: a sample that gradients pass through. noise: ε ~ N(0, I); None: from torch's global generator."""
    return mean + (0.5 * log_variance).exp() * (torch.randn_like(mean) if noise is None else noise)


@float32
def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> PerSample:
    """½ Σ μ² + σ² − log σ² − 1: D_KL(N(μ, σ²) ‖ N(0, I)); (B,)."""
    mean, log_variance = mean.float(), log_variance.float()
    return 0.5 * per_sample_sum(mean.square() + log_variance.exp() - log_variance - 1)


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁^½ Σ₂ Σ₁^½)^½) of the Gaussians fitted to two sets of points, (N, D) each.

    Dowson & Landau 1982. It grows as points become fewer: compare sets of one size only.
    """
    means, covariances = zip(
        *((part.double().mean(dim=0), part.double().T.cov()) for part in (one, other)), strict=True
    )
    values, vectors = torch.linalg.eigh(covariances[0])
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    shared = torch.linalg.eigvalsh(root @ covariances[1] @ root).clamp(min=0).sqrt().sum()
    apart = (means[0] - means[1]).square().sum()
    return float(apart + covariances[0].trace() + covariances[1].trace() - 2 * shared)
