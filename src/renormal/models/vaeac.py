"""The VAE with arbitrary conditioning (Ivanov, Figurnov & Vetrov, arXiv 1806.02382): trained to fill any hole."""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from renormal.contracts import Images, Mask, PerSample, Reconstruction
from renormal.functional.holes import mixed_holes
from renormal.functional.norms import squared_distance
from renormal.models.base import TrainingLoss
from renormal.models.resnet_vae import Block

SIGMA_LEAST = 0.01  # of the decoder, as published
SIGMA_MU, SIGMA_SIGMA = 1e4, 1e-4  # of the prior's regularisation, section 4.3.2
LAST = 4  # side of the coarsest map, px


class Latent(NamedTuple):
    """A Gaussian over z, (B, latent) each."""

    mean: Tensor
    log_sigma: Tensor

    @property
    def normal(self) -> Normal:
        return Normal(self.mean, self.log_sigma.exp(), validate_args=False)  # the trainer reports a NaN


class VAEAC(nn.Module):
    """max E_q log p(x_b | z, x_{1−b}, b) − D_KL(q(z | x, b) ‖ p(z | x_{1−b}, b)) − regularisation; b = 1 is missing.

    The decoder gets the prior network's maps of every scale: z has to hold only what is missing. Holes are drawn
    anew for each image from `mixed_holes`. The blocks are those of ResNetVAE, the sizes ours.

    channels: 1 or 3. latent: size of z. size: image side in pixels, a power of two from 8 on. width: channels of the
    first scale; they double twice.
    """

    def __init__(self, *, channels: int, latent: int = 128, size: int = 64, width: int = 32) -> None:
        super().__init__()
        if size < 2 * LAST or size & (size - 1):
            raise ValueError(f"vaeac needs an image side that is a power of two from {2 * LAST} on, got {size}")
        self.channels, self.latent, self.size = channels, latent, size
        widths = [width << min(scale, 2) for scale in range((size // LAST).bit_length())]
        self.proposal = Pyramid(channels + 1, widths, 2 * latent)
        self.prior = Pyramid(channels + 1, widths, 2 * latent)
        self.start = nn.Linear(latent, widths[-1] * LAST**2)
        self.join = nn.ModuleList(nn.Conv2d(2 * width, width, 1) for width in widths[::-1])
        self.blocks = nn.ModuleList(Block(width) for width in widths[::-1])
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, 2, 1) for a, b in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(widths[0], 2 * channels, 3, padding=1)

    def conditional(self, x: Images, hole: Mask) -> tuple[Latent, list[Tensor]]:
        """p(z | x_{1−b}, b), and the maps for the decoder; pixels in the hole are not read."""
        known = torch.where(hole > 0, torch.zeros_like(x), x)
        features, maps = self.prior(torch.cat([known, hole], dim=1))
        return latent_of(features), maps

    def decode(self, z: Tensor, maps: list[Tensor]) -> tuple[Images, Tensor]:
        """Mean and σ of each pixel."""
        inner = self.start(z).view(len(z), -1, LAST, LAST)
        for scale, (join, block, memory) in enumerate(zip(self.join, self.blocks, maps[::-1], strict=True)):
            inner = block(join(torch.cat([inner, memory], dim=1)))
            inner = self.up[scale](inner) if scale < len(self.up) else inner
        mean, spread = self.head(F.relu(inner)).float().chunk(2, dim=1)
        return torch.sigmoid(mean), SIGMA_LEAST + F.softplus(spread - 2)

    def inpaint(self, x: Images, hole: Mask) -> Images:
        """x with the hole filled by the decoder's mean at the mean of p(z | x_{1−b}, b)."""
        prior, maps = self.conditional(x, hole)
        return torch.where(hole > 0, self.decode(prior.mean, maps)[0].to(x), x)

    def forward(self, x: Images) -> Images:
        """What the decoder makes of an image with nothing missing."""
        prior, maps = self.conditional(x, torch.zeros_like(x[:, :1]))
        return self.decode(prior.mean, maps)[0]

    def reconstruct(self, x: Images) -> Reconstruction:
        """f(x) with nothing missing, and ‖x − f(x)‖²."""
        image = self(x)
        return Reconstruction(image, partial(squared_distance, x, image))

    def reconstruction_loss(self, x: Images, reconstructed: Images) -> PerSample:
        """‖x − f(x)‖²."""
        return squared_distance(x, reconstructed)

    def training_loss(self, x: Images) -> TrainingLoss:
        """With holes and z drawn by torch's own generator."""
        generator = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
        return self.bound(x, mixed_holes(len(x), x.shape[-1], generator=generator).to(x))

    def bound(self, x: Images, hole: Mask) -> TrainingLoss:
        """The negative bound for given holes, z by the reparameterization of one sample."""
        prior, maps = self.conditional(x, hole)
        proposal = latent_of(self.proposal(torch.cat([x, hole], dim=1))[0])
        mean, sigma = self.decode(proposal.normal.rsample(), maps)
        missing = -(Normal(mean, sigma, validate_args=False).log_prob(x) * hole).sum(dim=(1, 2, 3))  # type: ignore[no-untyped-call]
        kl = kl_divergence(proposal.normal, prior.normal).sum(dim=1)
        total = missing + kl + regularisation(prior)
        return TrainingLoss(total, {"reconstruction": missing, "kl": kl})


def regularisation(prior: Latent) -> PerSample:
    """Σ μ² / 2σ_μ² − σ_σ (log σ − σ): keeps the prior's parameters bounded (section 4.3.2)."""
    far = prior.mean.square() / (2 * SIGMA_MU**2)
    return (far - SIGMA_SIGMA * (prior.log_sigma - prior.log_sigma.exp())).sum(dim=1)


def latent_of(features: Tensor) -> Latent:
    """log σ kept within ± 5 by a smooth bound, ours."""
    mean, log_sigma = features.float().chunk(2, dim=1)
    return Latent(mean, 5 * torch.tanh(log_sigma / 5))


class Pyramid(nn.Module):
    """(B, C, H, W) → (B, features), and the maps of all scales, the finest first."""

    def __init__(self, channels: int, widths: list[int], features: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList(Block(width) for width in widths)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in pairwise(widths))
        self.head = nn.Linear(widths[-1] * LAST**2, features)
        nn.init.normal_(self.head.weight, std=0.1 / math.sqrt(self.head.in_features))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        maps = [self.blocks[0](self.stem(x))]
        for down, block in zip(self.down, self.blocks[1:], strict=True):
            maps.append(block(down(maps[-1])))
        features: Tensor = self.head(F.relu(maps[-1]).flatten(1))
        return features, maps
