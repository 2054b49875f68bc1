"""Scores from the gradient of a VAE's loss at its input (Zimmerer et al., arXiv 1812.05941 and 1907.02796)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from renormal.contracts import Autoencoder, Images, Maps, PerSample, Variational
from renormal.functional.reconstructed import reconstructed
from renormal.functional.ssim import blur
from renormal.scores.unsuited import UnsuitedError

WINDOW = 7  # pixels, of the smoothing in the code of arXiv 1907.02796, with σ = 3


@dataclass(frozen=True)
class GradientScore:
    """|∇ₓ L(x₀)| or |∇ₓ D_KL(x₀)|, mean over channels, alone or ⊙ (x₀ − f(x₀))² (appendix A).

    of: what is differentiated, `variational_loss` or `kl_term`. times_error: multiply by the squared error between x0
    and the image that it is compared with. normalise: map the gradient to [0, 1] between its minimum and its maximum in
    each sample, which is a tile on textures. sigma, window: Gaussian that smooths it, in pixels; 0 for none. Both apply
    to the gradient alone, before the product.
    """

    of: Callable[[Variational, Images], PerSample]
    times_error: bool = False
    normalise: bool = False
    sigma: float = 0.0
    window: int = WINDOW

    def __post_init__(self) -> None:
        if self.window % 2 == 0 or self.window < 3 or self.sigma < 0:
            raise ValueError(f"score: window must be odd and > 1, sigma >= 0, got {self.window} and {self.sigma}")

    def __call__(self, model: Autoencoder, x0: Images, projected: Images) -> Maps:
        maps = input_gradient(self.of, model, x0).abs().mean(dim=1)
        if self.normalise:
            low, high = maps.amin(dim=(1, 2), keepdim=True), maps.amax(dim=(1, 2), keepdim=True)
            maps = (maps - low) / (high - low).clamp(min=torch.finfo(maps.dtype).tiny)
        if self.sigma:
            maps = blur(maps, self.window, self.sigma)
        return maps * (x0 - projected).square().mean(dim=1) if self.times_error else maps


def variational_loss(model: Variational, x: Images) -> PerSample:
    """L_r(x) + D_KL(q(z | x) ‖ p(z)): the training loss, with z at the mean of q instead of a sample."""
    return reconstructed(model, x).loss + model.kl(x)


def kl_term(model: Variational, x: Images) -> PerSample:
    """D_KL(q(z | x) ‖ p(z)) alone."""
    return model.kl(x)


def input_gradient(of: Callable[[Variational, Images], PerSample], model: Autoencoder, x0: Images) -> Images:
    """∇ₓ of each sample's value at x0. Works under inference mode; weights and their gradients do not change."""
    if not isinstance(model, Variational):
        lack = f"a gradient score needs a variational model, got {type(model).__name__}"
        raise UnsuitedError("vae", lack)
    side = getattr(model, "size", x0.shape[-1])
    if side != x0.shape[-1]:
        raise ValueError(
            f"a gradient score needs images of the model's {side} px, got {x0.shape[-1]}: set test.average=maps"
        )
    with torch.inference_mode(False), torch.enable_grad():
        x = x0.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(of(model, x).sum(), x)
    return gradient
