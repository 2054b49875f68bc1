"""What the floors promise each other: shapes, ranges and a few protocols; no framework but torch.Tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import IntEnum
from typing import Annotated, NamedTuple, Protocol, TypeAlias, runtime_checkable

from torch import Tensor

Images: TypeAlias = Annotated[Tensor, "(B, C, H, W), values in [0, 1]"]
Maps: TypeAlias = Annotated[Tensor, "(B, H, W), finite, >= 0, high = anomalous"]  # DSSIM in [0, 1]; gradients unbounded
Mask: TypeAlias = Annotated[Tensor, "(B, C or 1, H, W), values >= 0, 0 = this pixel stays"]
Latents: TypeAlias = Annotated[Tensor, "(B, D)"]
PerSample: TypeAlias = Annotated[Tensor, "(B,)"]
Regions: TypeAlias = Annotated[Tensor, "(B, H, W), integer, 0 = normal, k = k-th connected defect of its image"]

BASELINE = "baseline"  # the column of f(x0)
CHOSEN = "chosen"  # the column of what the stage choose took
REPAIRED = "repaired_"  # begins the names of what the stage inpaint leaves among a record's curves


class Reconstruction:
    """One forward pass, all its answers: unpacks as (f(x), L_r(x)).

    image: f(x). loss: L_r(x) of each sample, summed over pixels and channels, or a function that answers with it: an
    energy with a loss of its own never asks. kl: D_KL(q(z | x) ‖ p(z)) in the same way, None where it is not at hand.
    """

    __slots__ = ("_kl", "_loss", "image")

    def __init__(
        self,
        image: Images,
        loss: PerSample | Callable[[], PerSample],
        kl: PerSample | Callable[[], PerSample] | None = None,
    ) -> None:
        self.image, self._loss, self._kl = image, loss, kl

    @property
    def loss(self) -> PerSample:
        if not isinstance(self._loss, Tensor):
            self._loss = self._loss()
        return self._loss

    @property
    def kl(self) -> PerSample | None:
        if self._kl is not None and not isinstance(self._kl, Tensor):
            self._kl = self._kl()
        return self._kl

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


@runtime_checkable
class Posterior(Protocol):
    """Asked only by the stage that draws new images: mean and log variance of q(z | x)."""

    latent: int

    def posterior(self, x: Images) -> tuple[Latents, Latents]: ...
    def decode(self, z: Latents) -> Images: ...


@runtime_checkable
class Generator(Protocol):
    """Asked only by a search in z."""

    latent: int

    def decode(self, z: Latents) -> Images: ...


@runtime_checkable
class Adversarial(Generator, Protocol):
    """A generator with its discriminator, z ~ N(0, I): asked only by the search of AnoGAN."""

    def features(self, x: Images) -> Tensor: ...  # f_D, an intermediate layer


@runtime_checkable
class Inpainter(Protocol):
    """Asked only by the comparison of what fills holes: the image with its hole filled."""

    def inpaint(self, x: Images, hole: Mask) -> Images: ...  # hole: 1 = missing


class Score(Protocol):
    """How anomalous each pixel of x0 is, given what it became."""

    def __call__(self, model: Autoencoder, x0: Images, projected: Images) -> Maps: ...


@runtime_checkable
class FittedScore(Score, Protocol):
    """A score that has to see what good images become before it is asked: `fitted` answers with one that has."""

    parts: Mapping[str, Score]

    def fitted(self, model: Autoencoder, pairs: Iterable[tuple[Images, Images]]) -> Score: ...


class EnergyTerms(NamedTuple):
    """E, L_r, what λ weighs (a distance from x0, or −log p(z)) and f(x) or Dec(z), all evaluated at the same point."""

    total: PerSample
    reconstruction: PerSample
    distance: PerSample
    reconstructed: Images


class Stopped(IntEnum):
    """Why the descent of a sample ended."""

    OUT_OF_STEPS = 0  # max_steps came first
    ARRIVED = 1  # its stop criterion was met
    NOT_FINITE = 2  # E became NaN or infinite; this outweighs the other two


class Projection(NamedTuple):
    """Where the descent of each sample ended, and why."""

    x: Images  # x_N; Dec(z_N) where z moved
    terms: EnergyTerms  # at x_N or z_N, not one step before it
    steps: PerSample  # N: updates of each sample, refused ones included
    stopped: PerSample  # a `Stopped` of each sample, as an integer
    energy_start: PerSample  # E(x0); E(z0) where z moved


class Batch(NamedTuple):
    """Test images as the loader batches them. `path` is relative to the data root and names the sample everywhere."""

    image: Images
    regions: Regions
    defect: list[str]  # "good", or the name of the defect type
    path: list[str]
