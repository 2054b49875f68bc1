"""The search for the nearest image that a decoder can make (section 3.3 of arXiv 2002.03734)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from renormal.contracts import EnergyTerms, Generator, Images, Latents
from renormal.functional.gaussian import nll
from renormal.functional.norms import l1_distance
from renormal.projection.latent_start import Encoded, Start, check_decoder, has_prior


@dataclass(frozen=True)
class LatentEnergy:
    """E(z) = ‖x₀ − Dec(z)‖₁ − λ log p(z), p(z) = N(0, I) (eq. 6).

    z moves, x₀ stays, the result is Dec(z). start: where z begins.
    """

    weight: float = 1.0  # λ, ours: the paper names none
    start: Start = field(default_factory=Encoded)

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise ValueError(f"the weight λ of −log p(z) must be >= 0, got {self.weight}")

    def __call__(self, model: Generator, z: Latents, x0: Images) -> EnergyTerms:
        image = model.decode(z)
        loss, rarity = l1_distance(x0, image), nll(z, z.new_zeros(()))  # −log p(z)
        return EnergyTerms(loss + self.weight * rarity, loss, rarity, image)

    def check(self, model: Any) -> None:
        check_decoder(model)
        self.start.check(model)
        if self.weight and not has_prior(model):
            name = type(model).__name__
            raise ValueError(f"{name} has no prior p(z): its z can be searched without −log p(z) alone, weight=0")
