"""What the descent minimizes."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from renormal.contracts import Autoencoder, EnergyTerms, Images, PerSample, Reconstruction
from renormal.functional.dssim_loss import dssim_sum
from renormal.functional.norms import l1_distance, squared_distance
from renormal.functional.reconstructed import reconstructed

Slope = Callable[[slice], Tensor]  # rows → ∇E of these samples
Loss = Callable[[Images, Reconstruction], PerSample]  # L_r, summed over pixels and channels


def squared_error(x: Images, reconstruction: Reconstruction) -> PerSample:
    """‖x − f(x)‖², also for a model that was trained with another loss: one λ then means the same for all models."""
    return squared_distance(x, reconstruction.image)


def dssim(x: Images, reconstruction: Reconstruction) -> PerSample:
    """Σ (1 − SSIM(x, f(x))) / 2 over pixels and channels."""
    return dssim_sum(x, reconstruction.image)


def model_loss(x: Images, reconstruction: Reconstruction) -> PerSample:
    """The L_r that the model itself answers with: −log p(x | z) for a VAE, with its ½ or 1 / (2γ²)."""
    return reconstruction.loss


@runtime_checkable
class Checked(Protocol):
    """An energy that needs more of a model than `reconstruct`: `check` raises ValueError for what the model lacks."""

    def check(self, model: Any) -> None: ...
    def __call__(self, model: Any, x: Tensor, x0: Images) -> EnergyTerms: ...


@runtime_checkable
class Selective(Protocol):
    """An energy that counts some pixels alone, on a good image perhaps none: `of_all` is E with every pixel counted."""

    def of_all(self, model: Any, x: Tensor, x0: Images) -> EnergyTerms: ...
    def __call__(self, model: Any, x: Tensor, x0: Images) -> EnergyTerms: ...


@runtime_checkable
class Differentiable(Protocol):
    """An energy that works out ∇E itself, where that is cheaper than autograd.

    written_for: the class whose E that is. A subclass may change E: it is left to autograd until it names itself here.
    """

    @property
    def written_for(self) -> type: ...
    def differentiate(self, model: Any, x: Tensor, x0: Images) -> tuple[EnergyTerms, Slope]: ...
    def __call__(self, model: Any, x: Tensor, x0: Images) -> EnergyTerms: ...


class Distance(Protocol):
    """How far x is from x₀. `slope` is ∂/∂x in new memory: written out, it is cheaper than autograd's."""

    def __call__(self, x: Images, x0: Images) -> PerSample: ...
    def slope(self, x: Images, x0: Images) -> Tensor: ...


@dataclass(frozen=True)
class L1:
    """‖x − x₀‖₁."""

    def __call__(self, x: Images, x0: Images) -> PerSample:
        return l1_distance(x, x0)

    def slope(self, x: Images, x0: Images) -> Tensor:
        return (x - x0).sign_()


@dataclass(frozen=True)
class Energy:
    """E(x) = L_r(x) + λ‖x − x₀‖₁ (eq. 4).

    detached: f(x) is a constant in the gradient, as in every public code of the paper; the default differentiates
    through the network. kl_weight: β of a further term β·D_KL(q(z | x) ‖ p(z)), for variational models; with 1,
    L_r + KL is the −ELBO. distance: what λ weighs, where it is not ‖x − x₀‖₁. A threshold compares L_r alone.
    """

    loss: Loss = squared_error
    weight: float = 0.05  # λ, section 4.1
    detached: bool = False
    kl_weight: float = 0.0  # the paper's L_r has no KL
    distance: Distance = field(default_factory=L1)

    def __post_init__(self) -> None:
        if not 0 <= self.weight < math.inf:
            raise ValueError(f"the weight λ of ‖x − x0‖₁ must be >= 0, got {self.weight}")
        if not 0 <= self.kl_weight < math.inf:
            raise ValueError(f"kl_weight must be >= 0, got {self.kl_weight}")
        if self.detached and self.loss is model_loss:
            raise ValueError("model_loss lives inside the network and cannot be detached: use squared_error or dssim")
        if self.detached and self.kl_weight:
            raise ValueError("the KL term lives inside the network and cannot be detached: leave kl_weight at 0")

    def check(self, model: object) -> None:
        """Raise ValueError where the model lacks what this energy asks of it."""
        if self.kl_weight and not callable(getattr(model, "kl", None)):
            lack = f"{type(model).__name__} has no KL term"
            raise ValueError(f"kl_weight={self.kl_weight:g}, but {lack}: take a variational model, or kl_weight=0")

    def __call__(self, model: Autoencoder, x: Images, x0: Images) -> EnergyTerms:
        answer = self._reconstruct(model, x)
        return self._terms(self.loss(x, answer), self._kl(model, x, answer), x, x0, answer.image)

    @property
    def written_for(self) -> type:
        return Energy

    def differentiate(self, model: Autoencoder, x: Images, x0: Images) -> tuple[EnergyTerms, Slope]:
        """E and ∇E = ∂L_r/∂x + Jᵀ ∂L_r/∂f(x) + β ∂KL/∂x + λ sign(x − x₀).

        The terms that need no network are added where the gradient is used, a few rows at a time.
        """
        inner, outer = x.detach().requires_grad_(), x.detach().requires_grad_()
        answer = self._reconstruct(model, inner)
        image = answer.image.detach().requires_grad_()
        loss = self.loss(outer, Reconstruction(image, lambda: answer.loss))
        kl = self._kl(model, inner, answer)
        parts, ends = [], []
        if loss.requires_grad:
            places = (outer, inner, image)
            own, whole, pulled = torch.autograd.grad(loss.sum(), places, retain_graph=True, allow_unused=True)
            parts = [part for part in (own, whole) if part is not None]
            if pulled is not None and answer.image.requires_grad:
                ends.append((answer.image, pulled))
        if kl is not None:
            ends.append((kl, torch.full_like(kl, self.kl_weight)))
        if ends:  # both at once: the encoder is passed through one time
            outputs, upstream = zip(*ends, strict=True)
            (through,) = torch.autograd.grad(outputs, inner, upstream, allow_unused=True)
            parts += [] if through is None else [through]  # None: f is constant, its weights are not frozen
        terms = self._terms(loss.detach(), None if kl is None else kl.detach(), x.detach(), x0, image.detach())
        return terms, partial(self._slope, parts, x, x0)

    def _slope(self, parts: list[Tensor], x: Images, x0: Images, rows: slice) -> Tensor:
        away = self.distance.slope(x[rows], x0[rows])
        if not parts:
            return away.mul_(self.weight)
        here = [part[rows] for part in parts]
        total = here[0] + here[1] if len(here) == 2 else sum(here)
        return torch.add(total, away, alpha=self.weight, out=away)

    def _terms(self, loss: PerSample, kl: PerSample | None, x: Images, x0: Images, image: Images) -> EnergyTerms:
        if loss.shape != x.shape[:1]:
            raise ValueError(f"L_r must be one sum for each image, ({len(x)},), got {tuple(loss.shape)}")
        distance = self.distance(x, x0)
        total = loss + self.weight * distance
        return EnergyTerms(total if kl is None else total + self.kl_weight * kl, loss, distance, image)

    def _kl(self, model: Any, x: Images, answer: Reconstruction) -> PerSample | None:
        """D_KL(q(z | x) ‖ p(z)); None where β is 0."""
        if not self.kl_weight:
            return None
        if answer.kl is not None:
            return answer.kl
        self.check(model)
        kl: PerSample = model.kl(x)
        return kl

    def _reconstruct(self, model: Autoencoder, x: Images) -> Reconstruction:
        with nullcontext() if not self.detached else torch.no_grad():
            return reconstructed(model, x)
