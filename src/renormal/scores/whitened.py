"""A score in colours in which the error of f on good images has nearly the same variance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from operator import add, mul
from typing import Any

import torch
from torch import Tensor

from renormal.contracts import Autoencoder, Images, Maps, Score
from renormal.functional.grey import LEVELS
from renormal.scores.comparison import Comparison
from renormal.scores.msgms import MSGMS

SHRINKAGE = 0.1  # ours, chosen on planted defects: docs/results/three.md
MOST = 1e6  # of a number of Σ: images are in [0, 1], and a network that has not diverged is within a few units of them
NEARLY = 1e-9  # of the trace, or of the mean square: what rounding leaves of a variance of 0
SAME = "f is wrong by the same at every pixel of good images: there is no Σ to weigh colours by; set another score"
GREY = (LEVELS + 0.5) / 255  # half a level more: images are floats here
Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Whitened:
    """of(W x₀, W x_N), W = σ Σ_ρ^(−1/2), Σ_ρ = (1 − ρ) Σ + ρ σ² I, σ² = tr Σ / C.

    This is ZCA whitening (Bell and Sejnowski 1997) with the scale of the images.
    Σ: (C, C), the covariance of the C channels of x₀ − f(x₀) over all pixels of good images, which `fitted` measures.
    shrinkage: ρ, in (0, 1] (Ledoit and Wolf 2004): no colour is weighed more than 1/√ρ times, so that the noise of the
    camera does not decide where f is nearly exact, as in the colours of parts that are almost grey.

    A score of whitened colours gives little weight to a colour that f gets wrong on good images, too. With C = 1, and
    where all good images are grey, it is `of` itself: colours that only f makes show no defect. of: the comparison.
    Raises ValueError before it is fitted, and for images with another C.
    """

    of: Comparison = field(default=MSGMS())
    shrinkage: float = SHRINKAGE
    covariance: Matrix = ()

    def __post_init__(self) -> None:
        if not 0 < self.shrinkage <= 1:
            raise ValueError(f"score.shrinkage must be above 0 and at most 1, got {self.shrinkage}")
        of: object = self.of
        if not isinstance(of, Comparison):  # others would give W x₀ to the network, or need to be fitted
            found = type(of).__name__
            raise ValueError(f"`of` of a whitened score must be a comparison, as renormal.scores.MSGMS, got {found}")

    @property
    def inner(self) -> Mapping[str, Score]:
        return {"of": self.of}

    def fitted(self, model: Autoencoder, pairs: Iterable[tuple[Images, Images]]) -> Whitened:
        """The same score with its Σ, I for grey images. pairs: good images, and f of them."""
        count, sums, products, grey = 0, torch.zeros(()), torch.zeros(()), True
        for x, became in pairs:
            grey = grey and bool((x.amax(dim=1) - x.amin(dim=1) <= GREY).all())
            error = (x.double() - became.double()).movedim(1, 0).flatten(1).cpu()
            count, sums, products = count + error.shape[1], sums + error.sum(dim=1), products + error @ error.T
        if not count:
            raise ValueError("a whitened score needs good images to measure Σ on")
        mean = sums / count
        covariance = products / count - torch.outer(mean, mean)
        if grey:
            covariance = torch.eye(len(mean))
        elif float(covariance.trace()) <= NEARLY * float(products.trace() / count):
            raise ValueError(SAME)
        return self.restored({"covariance": ((covariance + covariance.T) / 2).tolist()})

    def state(self) -> dict[str, list[list[float]]]:
        """Σ."""
        return {"covariance": [list(row) for row in self.covariance]}

    def restored(self, state: Mapping[str, Any]) -> Whitened:
        """The score that has this Σ. Raises ValueError for what is no covariance, or is 0."""
        return replace(self, covariance=checked(state.get("covariance")))

    @cached_property
    def weights(self) -> Matrix:
        """W, (C, C)."""
        variances, axes = torch.linalg.eigh(torch.tensor(self.covariance, dtype=torch.float64))
        mean = variances.mean()
        shrunk = (1 - self.shrinkage) * variances.clamp(min=0) + self.shrinkage * mean
        return tuple(map(tuple, ((axes * (mean / shrunk).sqrt()) @ axes.T).tolist()))

    def __call__(self, model: Autoencoder, x0: Images, projected: Images) -> Maps:
        if not self.covariance:
            raise ValueError("a whitened score needs good images first: call .fitted(model, pairs)")
        if x0.shape[1] != len(self.covariance):
            raise ValueError(f"Σ has {len(self.covariance)} channels, the images have {x0.shape[1]}: fit it to images")
        if len(self.covariance) == 1:  # W = I
            return self.of(model, x0, projected)
        return self.of(model, weighed(x0.float(), self.weights), weighed(projected.float(), self.weights))


def weighed(x: Images, weights: Matrix) -> Tensor:
    """W x of each pixel. Sums of C products, so that no image depends on its neighbours in the batch."""
    channels = x.unbind(dim=1)
    return torch.stack([reduce(add, map(mul, channels, row)) for row in weights], dim=1)


def checked(rows: Any) -> Matrix:
    """Rows as a covariance matrix. Raises ValueError for what is none, and for 0."""
    try:
        found = torch.tensor([[float(one) for one in row] for row in rows], dtype=torch.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"a covariance of channels is a square of numbers, got {rows!r}") from error
    if found.ndim != 2 or not found.shape[0] == found.shape[1] > 0 or not bool((found.abs() < MOST).all()):
        raise ValueError(f"a covariance of channels is a square of finite numbers, got {rows!r}")
    if not torch.equal(found, found.T) or float(torch.linalg.eigvalsh(found)[0]) < -NEARLY * float(found.trace()):
        raise ValueError(f"a covariance of channels is symmetric, with no variance below 0, got {rows!r}")
    if not float(found.trace()) > 0:
        raise ValueError(SAME)
    return tuple(map(tuple, found.tolist()))
