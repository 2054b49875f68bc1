"""What the floors promise each other: shapes, ranges and a few protocols; no framework but torch.Tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, NamedTuple, Protocol, TypeAlias, runtime_checkable

from torch import Tensor

Images: TypeAlias = Annotated[Tensor, "(B, C, H, W), values in [0, 1]"]
Maps: TypeAlias = Annotated[Tensor, "(B, H, W), finite, >= 0, high = anomalous"]  # DSSIM in [0, 1]; gradients unbounded
Mask: TypeAlias = Annotated[Tensor, "(B, C or 1, H, W), values >= 0, 0 = this pixel stays"]
Latents: TypeAlias = Annotated[Tensor, "(B, D)"]
PerSample: TypeAlias = Annotated[Tensor, "(B,)"]
Regions: TypeAlias = Annotated[Tensor, "(B, H, W), integer, 0 = normal, k = k-th connected defect of its image"]


class Reconstruction:
    """One forward pass, both answers: unpacks as (f(x), L_r(x)).

    image: f(x). loss: L_r(x) of each sample, summed over pixels and channels, or a function that answers with it: an
    energy with a loss of its own never asks.
    """

    __slots__ = ("_loss", "image")

    def __init__(self, image: Images, loss: PerSample | Callable[[], PerSample]) -> None:
        self.image, self._loss = image, loss

    @property
    def loss(self) -> PerSample:
        if not isinstance(self._loss, Tensor):
            self._loss = self._loss()
        return self._loss

    def __iter__(self) -> Iterator[Tensor]:
        return iter((self.image, self.loss))


@runtime_checkable
class Autoencoder(Protocol):
    """All that the projection asks of a model."""

    def reconstruct(self, x: Images) -> Reconstruction | tuple[Images, PerSample]: ...


@runtime_checkable
class Variational(Autoencoder, Protocol):
    """Asked only by what needs a latent distribution: KL scores and energies, search in z."""

    def kl(self, x: Images) -> PerSample: ...
    def encode(self, x: Images) -> Latents: ...
    def decode(self, z: Latents) -> Images: ...


class Score(Protocol):
    """How anomalous each pixel of x0 is, given what it became."""

    def __call__(self, model: Autoencoder, x0: Images, projected: Images) -> Maps: ...


class EnergyTerms(NamedTuple):
    """E, L_r, the distance and f(x), all evaluated at the same x."""

    total: PerSample
    reconstruction: PerSample
    distance: PerSample
    reconstructed: Images


class Projection(NamedTuple):
    """Where the descent ended, and how."""

    x: Images  # x_N
    terms: EnergyTerms  # evaluated at x, not one step before it
    steps: PerSample  # updates that each sample took
    stopped: PerSample  # False where max_steps ran out first, or where the energy stopped being finite


class Sample(NamedTuple):
    """Test images as the loader batches them. `path` is relative to the data root and names the sample everywhere."""

    image: Images
    regions: Regions
    defect: list[str]  # "good", or the name of the defect type
    path: list[str]
