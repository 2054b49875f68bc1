"""The second stage of Dai & Wipf (arXiv 1903.05789): a VAE of another VAE's codes, for sharp samples."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from renormal.contracts import Latents
from renormal.functional.gaussian import sampled
from renormal.models.base import TrainingLoss
from renormal.models.gamma_vae import GammaVAE


class SecondStageVAE(GammaVAE):
    """−log p(z | u) + D_KL(q(u | z) ‖ N(0, I)) over z ~ q(z | x); γ of z is learned as the first stage's is of x.

    The codes of a sharp VAE do not follow N(0, I): decoded from N(0, I), images are not sharp. The second VAE learns
    how the codes are distributed. Images are then drawn by u ~ N(0, I), z ~ p(z | u), x ~ p(x | z).

    latent: size of z, and of u. width, depth: of the fully connected layers, 1024 and 3 as published; the last layer of
    each half has the half's input, too. speed: as in GammaVAE.
    """

    def __init__(self, *, latent: int, width: int = 1024, depth: int = 3, speed: float = 10.0) -> None:
        layers = WithInput(latent, width, depth, 2 * latent), WithInput(latent, width, depth, latent)
        super().__init__(channels=1, latent=latent, size=1, speed=speed, layers=layers)

    def training_loss(self, x: Tensor) -> TrainingLoss:
        """Of codes drawn anew. x: (B, 2, latent), mean and log variance of q(z | x)."""
        mean, log_variance = x.unbind(dim=1)
        return super().training_loss(sampled(mean, log_variance))

    @torch.no_grad()
    def drawn(self, count: int, *, generator: torch.Generator) -> Latents:
        """z ~ p(z | u), u ~ N(0, I). generator: on the CPU."""
        u, noise = torch.randn(2, count, self.latent, generator=generator).to(self.scaled_log_gamma.device)
        drawn: Latents = self.decode(u) + self.log_gamma.exp() * noise
        return drawn


class WithInput(nn.Module):
    """W [g(v), v] + b, g of fully connected layers and ReLU."""

    def __init__(self, inputs: int, width: int, depth: int, outputs: int) -> None:
        super().__init__()
        if width < 1 or depth < 1:
            raise ValueError(f"second_stage needs a width and a depth of at least 1, got {width} and {depth}")
        sizes = [inputs, *[width] * depth]
        self.body = nn.Sequential(*(layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())))
        self.head = nn.Linear(width + inputs, outputs)

    def forward(self, v: Tensor) -> Tensor:
        result: Tensor = self.head(torch.cat([self.body(v), v], dim=1))
        return result
