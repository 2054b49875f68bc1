"""A small model of everything that a search in z may ask for, and the searches that are tried on it."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from renormal.contracts import Images, Latents, PerSample, Reconstruction
from renormal.functional.norms import squared_distance
from renormal.projection import (
    AnoGANEnergy,
    AnyOf,
    Descent,
    Drawn,
    Gradient,
    LatentEnergy,
    Plateau,
    Threshold,
    no_mask,
)


class Coder(nn.Module):
    """A VAE and its discriminator, each of one layer: everything that a search in z may ask for."""

    latent = 5

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder, self.discriminator = nn.Linear(128, 5), nn.Linear(5, 128), nn.Conv2d(2, 3, 3)
        generator = torch.Generator().manual_seed(0)
        for parameter in self.parameters():
            parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)

    def encode(self, x: Images) -> Latents:
        return self.encoder(x.flatten(1)).to(x.dtype)

    def decode(self, z: Latents) -> Images:
        return self.decoder(z).sigmoid().to(z.dtype).view(-1, 2, 8, 8)

    def features(self, x: Images) -> Tensor:
        return self.discriminator(x).tanh()

    def kl(self, x: Images) -> PerSample:
        return 0.5 * self.encode(x).square().sum(dim=1)

    def reconstruct(self, x: Images) -> Reconstruction:
        image = self.decode(self.encode(x))
        return Reconstruction(image, squared_distance(x, image))


class NaNCoder(Coder):
    """A code of NaN for each image whose first pixel is above 0.9."""

    def encode(self, x: Images) -> Latents:
        return torch.where(x[:, 0, 0, :1] > 0.9, torch.nan, super().encode(x))


LOSS = 20.0  # ‖x₀ − Dec(z)‖₁ that some images begin below, some reach and some never
STOP = AnyOf((Threshold(value=LOSS), Plateau(tolerance=1e-2, patience=3)))
COMMON = Descent(mask=no_mask, clamp=None, stop=STOP, max_steps=12, slots=4, step_size=0.1)
SEARCHES = {
    "latent": replace(COMMON, energy=LatentEnergy(weight=0.3)),
    "latent_plain": replace(COMMON, energy=LatentEnergy(weight=0.3), direction=Gradient(), step_size=0.02),
    "drawn": replace(COMMON, energy=LatentEnergy(weight=0.3, start=Drawn(seed=3))),
    "anogan": replace(COMMON, energy=AnoGANEnergy()),
}
SEARCHES |= {f"{name}_safe": replace(descent, safeguard=True) for name, descent in SEARCHES.items()}
