"""Where a descent begins: at the image itself, or, for a search in latent space, at a z of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor

from renormal.contracts import Adversarial, Decoder, Encoder, EnergyTerms, Images, Latents, Variational

GOLDEN = 0x9E3779B1  # odd: seeds that follow each other end far apart in the 32 bits that torch's generator takes


class Start(Protocol):
    """(model, x0) → z₀. `check` raises ValueError for a model that lacks what it needs.

    reconstructs: whether Dec(z₀) is f(x0), so that normal images say what loss to expect.
    """

    reconstructs: ClassVar[bool]

    def __call__(self, model: Any, x0: Images) -> Latents: ...
    def check(self, model: Any) -> None: ...


@runtime_checkable
class LatentSearch(Protocol):
    """An energy of z, (model, z, x0) → terms at Dec(z): it says where z starts, and the descent moves z for it."""

    @property
    def start(self) -> Start: ...
    def check(self, model: Any) -> None: ...
    def __call__(self, model: Any, z: Latents, x0: Images) -> EnergyTerms: ...


@dataclass(frozen=True)
class Encoded:
    """z₀ = encode(x0): the search begins at the baseline f(x0)."""

    reconstructs: ClassVar[bool] = True

    def __call__(self, model: Any, x0: Images) -> Latents:
        return model.encode(x0)  # type: ignore[no-any-return]

    def check(self, model: Any) -> None:
        if not isinstance(model, Encoder):
            raise ValueError(f"{_name(model)} has no encode: begin at a z of its prior, start=Drawn()")


@dataclass(frozen=True)
class Drawn:
    """z₀ ~ p(z) = N(0, I): each image has its draw, the same in any batch, place, precision and on any device."""

    seed: int = 0
    reconstructs: ClassVar[bool] = False

    def __call__(self, model: Any, x0: Images) -> Latents:
        generator = torch.Generator()
        draws = [
            torch.randn(model.latent, generator=generator.manual_seed((sum_ * GOLDEN + self.seed) * GOLDEN % 2**32))
            for sum_ in _checksums(x0).tolist()
        ]
        return torch.stack(draws).to(x0) if draws else x0.new_empty(0, model.latent)

    def check(self, model: Any) -> None:
        if not has_prior(model):
            raise ValueError(f"{_name(model)} has no prior p(z) to draw from: begin at encode(x0), start=Encoded()")


def has_prior(model: Any) -> bool:
    """Whether its z was N(0, I) in training: a variational or an adversarial model's was, an autoencoder's was not."""
    return isinstance(model, Variational | Adversarial)


def check_decoder(model: Any) -> None:
    """What every search in z needs."""
    if not isinstance(model, Decoder):
        raise ValueError(f"{_name(model)} has no decode: nothing can be searched in its latent space")


def starting_point(energy: Any, model: Any, x0: Images) -> Tensor:
    """x0 for an energy of x, z₀ for an energy of z."""
    return energy.start(model, x0).to(x0.dtype) if isinstance(energy, LatentSearch) else x0


def _checksums(x0: Images) -> Tensor:
    """Σ i · (8-bit value of number i of the image): whole numbers, the same wherever they are added up."""
    values = x0.float().clamp(0, 1).mul(255).round().long().flatten(1)
    return (values * torch.arange(1, values.shape[1] + 1, device=x0.device)).sum(dim=1)


def _name(model: Any) -> str:
    return type(model).__name__
