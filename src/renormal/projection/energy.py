"""What the descent minimizes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from renormal.contracts import Autoencoder, EnergyTerms, Images, PerSample, Reconstruction
from renormal.functional.dssim_loss import dssim_sum
from renormal.functional.norms import l1_distance, squared_distance

Slope = Callable[[slice], Tensor]  # rows → ∇E of these samples
Loss = Callable[[Images, Reconstruction], PerSample]  # L_r, summed over pixels and channels


def squared_error(x: Images, reconstruction: Reconstruction) -> PerSample:
    """‖x − f(x)‖², whatever the model was trained with: one λ then means the same for all of them."""
    return squared_distance(x, reconstruction.image)


def dssim(x: Images, reconstruction: Reconstruction) -> PerSample:
    """Σ (1 − SSIM(x, f(x))) / 2 over pixels and channels."""
    return dssim_sum(x, reconstruction.image)


def model_loss(x: Images, reconstruction: Reconstruction) -> PerSample:
    """The L_r that the model itself answers with: −log p(x | z) for a VAE, with its ½ or 1 / (2γ²)."""
    return reconstruction.loss


@dataclass(frozen=True)
class Energy:
    """E(x) = L_r(x) + λ‖x − x₀‖₁ (eq. 4).

    detached: treat f(x) as a constant in the gradient, as every public code of the paper does; the default
    differentiates through the network.
    """

    loss: Loss = squared_error
    weight: float = 0.05  # λ, section 4.1
    detached: bool = False

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise ValueError(f"the weight λ of ‖x − x0‖₁ must be >= 0, got {self.weight}")
        if self.detached and self.loss is model_loss:
            raise ValueError("model_loss lives inside the network and cannot be detached: use squared_error or dssim")

    def __call__(self, model: Autoencoder, x: Images, x0: Images) -> EnergyTerms:
        reconstruction = self._reconstruct(model, x)
        return self._terms(self.loss(x, reconstruction), x, x0, reconstruction.image)

    def differentiate(self, model: Autoencoder, x: Images, x0: Images) -> tuple[EnergyTerms, Slope]:
        """E and ∇E = ∂L_r/∂x + Jᵀ ∂L_r/∂f(x) + λ sign(x − x₀): what of it is elementwise is put together where it is
        used, a few rows at a time."""
        inner, outer = x.detach().requires_grad_(), x.detach().requires_grad_()
        answer = self._reconstruct(model, inner)
        image = answer.image.detach().requires_grad_()
        loss = self.loss(outer, Reconstruction(image, lambda: answer.loss))
        parts = []
        if loss.requires_grad:
            ends = (outer, inner, image)
            own, whole, pulled = torch.autograd.grad(loss.sum(), ends, retain_graph=True, allow_unused=True)
            parts = [part for part in (own, whole) if part is not None]
            if pulled is not None and answer.image.requires_grad:
                parts += torch.autograd.grad(answer.image, inner, pulled)

        def slope(rows: slice) -> Tensor:
            away = (x[rows] - x0[rows]).sign_()
            if not parts:
                return away.mul_(self.weight)
            here = [part[rows] for part in parts]
            total = here[0] + here[1] if len(here) == 2 else sum(here)
            return torch.add(total, away, alpha=self.weight, out=away)

        return self._terms(loss.detach(), x.detach(), x0, image.detach()), slope

    def _terms(self, loss: PerSample, x: Images, x0: Images, image: Images) -> EnergyTerms:
        distance = l1_distance(x, x0)
        return EnergyTerms(loss + self.weight * distance, loss, distance, image)

    def _reconstruct(self, model: Autoencoder, x: Images) -> Reconstruction:
        with nullcontext() if not self.detached else torch.no_grad():
            answer = model.reconstruct(x)
        return answer if isinstance(answer, Reconstruction) else Reconstruction(*answer)
