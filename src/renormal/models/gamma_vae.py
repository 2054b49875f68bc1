"""The VAE that learns the variance of its decoder (Dai & Wipf, arXiv 1903.05789)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from renormal.contracts import Images
from renormal.models.base import TrainingLoss
from renormal.models.vae import VAE

LOG_LEAST = -6.0  # ours: e⁻⁶ = 0.0025 is 0.6 of an 8-bit level; a camera's noise is larger


class GammaVAE(VAE):
    """−log p(x | z) = Σ ½((x − f(x)) / γ)² + log γ + const, one learned γ for all pixels.

    Adam moves a parameter by at most its learning rate a step, so that log γ would need thousands of steps to leave
    1. `speed` is the factor between log γ and the parameter that the optimizer sees (1 as published, 10 ours). A soft
    limit keeps γ from falling to 0.
    """

    recordable = True  # nothing in the training loss is drawn or decided on the host

    def __init__(
        self,
        *,
        channels: int,
        latent: int = 100,
        size: int = 128,
        speed: float = 10.0,
        layers: tuple[nn.Module, nn.Module] | None = None,
    ) -> None:
        super().__init__(channels=channels, latent=latent, size=size, layers=layers)
        self.speed = speed
        self.scaled_log_gamma = nn.Parameter(torch.zeros(()))

    @property
    def log_gamma(self) -> Tensor:
        """log γ, never below LOG_LEAST."""
        return LOG_LEAST + F.softplus(self.speed * self.scaled_log_gamma.float() - LOG_LEAST)

    @property
    def log_std(self) -> Tensor:
        return self.log_gamma

    def training_loss(self, x: Images) -> TrainingLoss:
        loss = super().training_loss(x)
        gamma = self.log_gamma.detach().exp().expand_as(loss.total)
        return TrainingLoss(loss.total, {**loss.terms, "gamma": gamma})
