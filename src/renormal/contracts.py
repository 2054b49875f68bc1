"""Types that all packages share: tensors with their shapes and ranges, protocols and results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import IntEnum
from typing import Annotated, Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from torch import Tensor

Images: TypeAlias = Annotated[Tensor, "(B, C, H, W), values in [0, 1]"]
Maps: TypeAlias = Annotated[Tensor, "(B, H, W), finite, >= 0, high = anomalous"]  # DSSIM in [0, 1]; gradients unbounded
Mask: TypeAlias = Annotated[Tensor, "(B, C or 1, H, W), values >= 0, 0 = this pixel stays"]
Latents: TypeAlias = Annotated[Tensor, "(B, D)"]
PerSample: TypeAlias = Annotated[Tensor, "(B,)"]
Regions: TypeAlias = Annotated[Tensor, "(B, H, W), integer, 0 = normal, k = k-th connected defect of its image"]

BASELINE = "baseline"  # the column of f(x0)
CHOSEN = "chosen"  # the column of the projection that the stage choose chose
ONLY_GOOD, ONLY_DEFECTIVE = "only good images were tested", "only defective images were tested"
RECALL, IMAGE_RECALL = "recall/", "image_recall/"  # prefixes of metrics, with the name of a kind of defect
REPAIRED = "repaired_"  # prefix of the entries of the stage inpaint in a record's curves


class Reconstruction:
    """The results of one forward pass. Unpacks as (f(x), L_r(x)).

    image: f(x). loss: L_r(x) of each sample, summed over pixels and channels, or a function that returns it; it is
    called at the first use, since an energy may have its own loss. kl: D_KL(q(z | x) ‖ p(z)) in the same way, or None.
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
    def given(self) -> object:
        """The loss as it was given: a tensor, or the function that returns it."""
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
    """All that the projection needs of a model."""

    def reconstruct(self, x: Images) -> Reconstruction | tuple[Images, PerSample]: ...


@runtime_checkable
class Encoder(Protocol):
    """A model that has a z for each image, for a search in z that begins at f(x0)."""

    def encode(self, x: Images) -> Latents: ...


@runtime_checkable
class Decoder(Protocol):
    """A model that has an image for each z, for a search in z."""

    def decode(self, z: Latents) -> Images: ...


@runtime_checkable
class Variational(Autoencoder, Encoder, Decoder, Protocol):
    """A model with a latent distribution, for KL scores and energies and for a search in z."""

    def kl(self, x: Images) -> PerSample: ...


@runtime_checkable
class Generator(Decoder, Protocol):
    """A model that decodes z, a vector of `latent` numbers."""

    latent: int


@runtime_checkable
class Posterior(Generator, Protocol):
    """A model with mean and log variance of q(z | x), for the stage sample."""

    def posterior(self, x: Images) -> tuple[Latents, Latents]: ...


@runtime_checkable
class Adversarial(Generator, Protocol):
    """A generator with its discriminator, z ~ N(0, I), for the search of AnoGAN."""

    def features(self, x: Images) -> Tensor: ...  # f_D, an intermediate layer


@runtime_checkable
class Inpainter(Protocol):
    """A model that fills holes, for the stage inpaint."""

    def inpaint(self, x: Images, hole: Mask) -> Images: ...  # hole: 1 = missing


@runtime_checkable
class Segmenter(Protocol):
    """A model that has learned which differences between x and y are damage: for `segmented` and SegmentedEnergy."""

    def segment(self, x: Images, y: Images) -> Maps: ...


@runtime_checkable
class SecondAutoencoder(Autoencoder, Protocol):
    """A model with another autoencoder g beside f, for the score `second`."""

    def second(self, x: Images) -> Images: ...


class Score(Protocol):
    """How anomalous each pixel of x0 is, from x0 and x_N or f(x0)."""

    def __call__(self, model: Autoencoder, x0: Images, projected: Images) -> Maps: ...


@runtime_checkable
class SelectiveScore(Score, Protocol):
    """A score that not every model can answer: `suits` says which. The stage `choose` leaves it out for the others."""

    def suits(self, model: object) -> bool: ...


@runtime_checkable
class BoundedScore(Score, Protocol):
    """A score whose maps never exceed `top`: no colour scale ends above it. Others have no such end."""

    @property
    def top(self) -> float: ...


@runtime_checkable
class FittedScore(Score, Protocol):
    """A score that must be fitted to pairs (x0, f(x0)) of good images before its first use.

    inner: the scores in it, by their keys below its own in the config. fitted: goes through `pairs` once, and once more
    for each level of fitted scores in it. state: what `fitted` has found, as lists and dicts of numbers that JSON
    holds. `restored` takes it.
    """

    @property
    def inner(self) -> Mapping[str, Score]: ...
    def fitted(self, model: Autoencoder, pairs: Iterable[tuple[Images, Images]]) -> Score: ...
    def state(self) -> Mapping[str, Any]: ...
    def restored(self, state: Mapping[str, Any]) -> Score: ...


class EnergyTerms(NamedTuple):
    """E, L_r, the term of λ (a distance from x0, or −log p(z)) and f(x) or Dec(z), all at the same point."""

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
