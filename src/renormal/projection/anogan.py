"""The search of AnoGAN (Schlegl et al., arXiv 1703.05921)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from renormal.contracts import Adversarial, EnergyTerms, Images, Latents
from renormal.functional.norms import l1_distance
from renormal.projection.latent_start import Drawn, Start, check_decoder


@dataclass(frozen=True)
class AnoGANEnergy:
    """E(z) = ‖x₀ − G(z)‖₁ + λ‖f_D(x₀) − f_D(G(z))‖₁ (eq. 2).

    f_D: an intermediate layer of the discriminator. start: where z begins.
    """

    weight: float = 1 / 9  # λ; (1 − 0.1) of the first term and 0.1 of the second in section 2.2 of arXiv 1703.05921
    start: Start = field(default_factory=Drawn)

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise ValueError(f"the weight λ of ‖f_D(x0) − f_D(G(z))‖₁ must be >= 0, got {self.weight}")

    def __call__(self, model: Adversarial, z: Latents, x0: Images) -> EnergyTerms:
        image = model.decode(z)
        with torch.no_grad():
            wanted = model.features(x0)
        loss, distance = l1_distance(x0, image), l1_distance(wanted.float(), model.features(image).float())
        return EnergyTerms(loss + self.weight * distance, loss, distance, image)

    def check(self, model: Any) -> None:
        check_decoder(model)
        if not isinstance(model, Adversarial):
            raise ValueError(f"{type(model).__name__} has no features f_D: eq. 2 needs a discriminator, eq. 6 does not")
        self.start.check(model)
